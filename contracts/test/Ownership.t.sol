// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";

import {FaceLedger} from "../src/FaceLedger.sol";
import {IFaceLedger} from "../src/interfaces/IFaceLedger.sol";
import {LedgerTest} from "./LedgerTest.sol";

contract OwnershipTest is LedgerTest {
    function test_theOperatorCommitsAndRegistersFromTheStart() public {
        vm.expectEmit();
        emit IFaceLedger.CommitterSet(operator, true);
        vm.expectEmit();
        emit IFaceLedger.RegistrarSet(operator, true);
        ledger = new FaceLedger(owner, operator);
        assertEq(ledger.owner(), owner);
        assertTrue(ledger.isCommitter(operator) && ledger.isRegistrar(operator));
        assertFalse(ledger.isCommitter(owner) || ledger.isRegistrar(owner));
    }

    function test_needsAnOwner() public {
        vm.expectRevert(abi.encodeWithSelector(Ownable.OwnableInvalidOwner.selector, address(0)));
        new FaceLedger(address(0), operator);
    }

    function testFuzz_theOwnerGrantsAndTakesRoles(address account, bool enabled) public {
        vm.startPrank(owner);
        vm.expectEmit(address(ledger));
        emit IFaceLedger.CommitterSet(account, enabled);
        ledger.setCommitter(account, enabled);
        vm.expectEmit(address(ledger));
        emit IFaceLedger.RegistrarSet(account, enabled);
        ledger.setRegistrar(account, enabled);
        assertEq(ledger.isCommitter(account), enabled);
        assertEq(ledger.isRegistrar(account), enabled);
    }

    function testFuzz_nobodyElseDoesWhatTheOwnerDoes(address stranger) public {
        vm.assume(stranger != owner);
        bytes[6] memory calls = [
            abi.encodeCall(IFaceLedger.setCommitter, (stranger, true)),
            abi.encodeCall(IFaceLedger.setRegistrar, (stranger, true)),
            abi.encodeCall(IFaceLedger.pause, ()),
            abi.encodeCall(IFaceLedger.unpause, ()),
            abi.encodeCall(Ownable.transferOwnership, (stranger)),
            abi.encodeCall(Ownable.renounceOwnership, ())
        ];
        for (uint256 i = 0; i < calls.length; i++) {
            vm.prank(stranger);
            (bool ok, bytes memory answer) = address(ledger).call(calls[i]);
            assertFalse(ok);
            assertEq(answer, abi.encodeWithSelector(Ownable.OwnableUnauthorizedAccount.selector, stranger));
        }
    }

    function testFuzz_ownershipPassesInTwoSteps(address heir) public {
        vm.assume(heir != owner && heir != address(0));
        vm.prank(owner);
        ledger.transferOwnership(heir);
        assertEq(ledger.owner(), owner);
        vm.prank(heir);
        ledger.acceptOwnership();
        assertEq(ledger.owner(), heir);
    }

    function test_ownershipCannotBeRenounced() public {
        vm.expectRevert(IFaceLedger.OwnershipCannotBeRenounced.selector);
        vm.prank(owner);
        ledger.renounceOwnership();
    }

    function test_unpausingResumesCommits() public {
        vm.startPrank(owner);
        ledger.pause();
        ledger.unpause();
        vm.stopPrank();
        commit(keccak256("batch"), keccak256("root"), 1);
    }
}
