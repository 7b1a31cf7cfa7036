// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IFaceLedger} from "../src/interfaces/IFaceLedger.sol";
import {LedgerTest} from "./LedgerTest.sol";

contract RevokeCommitmentsTest is LedgerTest {
    function testFuzz_revokesEachNullifierAndSaysSo(bytes32[] memory seeds, bool asOwner) public {
        bytes32[] memory nullifiers = distinct(seeds);
        for (uint256 i = 0; i < nullifiers.length; i++) {
            vm.expectEmit(address(ledger));
            emit IFaceLedger.CommitmentRevoked(nullifiers[i], START);
        }
        vm.prank(asOwner ? owner : operator);
        ledger.revokeCommitments(nullifiers);
        vm.warp(START + 1);
        uint64[] memory times = ledger.commitmentsRevokedAt(nullifiers);
        assertEq(times.length, nullifiers.length);
        for (uint256 i = 0; i < nullifiers.length; i++) {
            assertEq(ledger.commitmentRevokedAt(nullifiers[i]), START);
            assertEq(times[i], START);
        }
    }

    function testFuzz_anyOtherNullifierIsNotRevoked(bytes32 revoked, bytes32 other) public {
        vm.assume(revoked != other);
        revoke(revoked);
        assertEq(ledger.commitmentRevokedAt(other), 0);
        bytes32[] memory both = new bytes32[](2);
        (both[0], both[1]) = (other, revoked);
        uint64[] memory times = ledger.commitmentsRevokedAt(both);
        assertEq(times[0], 0);
        assertEq(times[1], START);
    }

    function testFuzz_refusesASecondRevocation(bytes32 nullifier) public {
        revoke(nullifier);
        vm.warp(START + 1);
        bytes32[] memory again = new bytes32[](2);
        again[0] = keccak256(abi.encode(nullifier));
        again[1] = nullifier;
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.CommitmentAlreadyRevoked.selector, nullifier));
        vm.prank(operator);
        ledger.revokeCommitments(again);
        assertEq(ledger.commitmentRevokedAt(nullifier), START);
        assertEq(ledger.commitmentRevokedAt(again[0]), 0);
    }

    function testFuzz_refusesWhoIsNoRegistrar(address stranger) public {
        vm.assume(stranger != operator && stranger != owner);
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.NotRegistrar.selector, stranger));
        vm.prank(stranger);
        ledger.revokeCommitments(new bytes32[](0));
    }

    function test_revokesWhilePaused() public {
        vm.prank(owner);
        ledger.pause();
        revoke(keccak256("nullifier"));
    }

    function revoke(bytes32 nullifier) private {
        bytes32[] memory one = new bytes32[](1);
        one[0] = nullifier;
        vm.prank(operator);
        ledger.revokeCommitments(one);
    }

    function distinct(bytes32[] memory seeds) private pure returns (bytes32[] memory nullifiers) {
        nullifiers = new bytes32[](seeds.length);
        for (uint256 i = 0; i < seeds.length; i++) {
            nullifiers[i] = keccak256(abi.encode(i, seeds[i]));
        }
    }
}
