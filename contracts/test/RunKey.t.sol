// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IFaceLedger} from "../src/interfaces/IFaceLedger.sol";
import {LedgerTest} from "./LedgerTest.sol";

contract RunKeyTest is LedgerTest {
    address private key = makeAddr("another run key");

    function testFuzz_authorisesFromNowUntilTheGivenTime(uint64 until, uint64 moment) public {
        until = uint64(bound(until, START + 1, type(uint64).max));
        moment = uint64(bound(moment, START, type(uint64).max));
        vm.expectEmit(address(ledger));
        emit IFaceLedger.RunKeyAuthorised(key, START, until);
        vm.prank(operator);
        ledger.authoriseRunKey(key, until);
        vm.warp(moment);
        assertEq(ledger.isRunKeyAuthorised(key), moment < until);
        expectWindow(key, START, until);
    }

    function test_aKeyThatWasNeverAuthorisedHasNoWindow() public view {
        expectWindow(key, 0, 0);
        assertEq(ledger.runKeyRevokedIn(key), 0);
        assertFalse(ledger.isRunKeyAuthorised(key));
    }

    function testFuzz_movesTheEndOfAnOpenWindowLater(uint64 later, uint64 until) public {
        vm.warp(bound(later, START, UNTIL - 1));
        until = uint64(bound(until, UNTIL + 1, type(uint64).max));
        vm.expectEmit(address(ledger));
        emit IFaceLedger.RunKeyAuthorised(runKey, START, until);
        vm.prank(operator);
        ledger.authoriseRunKey(runKey, until);
        expectWindow(runKey, START, until);
    }

    function testFuzz_refusesToShortenAWindow(uint64 until) public {
        until = uint64(bound(until, 0, UNTIL));
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.RunKeyWindowNotExtended.selector, runKey, UNTIL));
        vm.prank(operator);
        ledger.authoriseRunKey(runKey, until);
    }

    function testFuzz_refusesAFirstWindowThatEndsInThePast(uint64 until) public {
        until = uint64(bound(until, 0, START));
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.RunKeyWindowNotExtended.selector, key, START));
        vm.prank(operator);
        ledger.authoriseRunKey(key, until);
    }

    function test_neverReopensAnExpiredWindow() public {
        vm.warp(UNTIL);
        refuseToReopen();
    }

    function test_neverReopensARevokedWindow() public {
        vm.prank(operator);
        ledger.revokeRunKey(runKey);
        refuseToReopen();
    }

    function test_refusesTheZeroAddress() public {
        vm.expectRevert(IFaceLedger.InvalidRunKey.selector);
        vm.prank(operator);
        ledger.authoriseRunKey(address(0), UNTIL);
    }

    function testFuzz_refusesWhoIsNoRegistrar(address stranger) public {
        vm.assume(stranger != operator && stranger != owner);
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.NotRegistrar.selector, stranger));
        ledger.authoriseRunKey(key, UNTIL);
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.NotRegistrar.selector, stranger));
        ledger.revokeRunKey(runKey);
    }

    function test_revocationEndsTheWindowAtOnce() public {
        vm.warp(START + 1 hours);
        vm.expectEmit(address(ledger));
        emit IFaceLedger.RunKeyRevoked(runKey, START + 1 hours);
        vm.prank(operator);
        ledger.revokeRunKey(runKey);
        assertFalse(ledger.isRunKeyAuthorised(runKey));
        expectWindow(runKey, START, START + 1 hours);
        assertEq(ledger.runKeyRevokedIn(runKey), block.number);
    }

    function testFuzz_endsTheWindowsOfManyAndPassesOverThoseThatAreNotOpen(bool asOwner) public {
        address[] memory keys = three();
        vm.expectEmit(address(ledger));
        emit IFaceLedger.RunKeyRevoked(runKey, START);
        vm.prank(asOwner ? owner : operator);
        ledger.revokeRunKeys(keys);
        vm.warp(START + 1);
        (uint64[] memory from, uint64[] memory until, uint64[] memory revokedIn) = ledger.runKeyWindows(keys);
        for (uint256 i = 0; i < keys.length; i++) {
            (uint64 itsFrom, uint64 itsUntil) = ledger.runKeyWindow(keys[i]);
            assertEq(from[i], itsFrom);
            assertEq(until[i], itsUntil);
            assertEq(revokedIn[i], ledger.runKeyRevokedIn(keys[i]));
            assertFalse(ledger.isRunKeyAuthorised(keys[i]));
        }
        assertEq(until[0], 0);
        assertEq(until[1], START);
        assertEq(revokedIn[1], block.number);
    }

    function test_revokesManyWhilePausedAndTheSameAgain() public {
        vm.startPrank(owner);
        ledger.pause();
        ledger.revokeRunKeys(three());
        vm.warp(START + 1);
        vm.recordLogs();
        ledger.revokeRunKeys(three());
        assertEq(vm.getRecordedLogs().length, 0);
        expectWindow(runKey, START, START);
    }

    function testFuzz_refusesToRevokeManyForWhoIsNoRegistrar(address stranger) public {
        vm.assume(stranger != operator && stranger != owner);
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.NotRegistrar.selector, stranger));
        vm.prank(stranger);
        ledger.revokeRunKeys(three());
    }

    function test_theOwnerRevokesEvenWhilePaused() public {
        vm.startPrank(owner);
        ledger.pause();
        ledger.revokeRunKey(runKey);
        assertFalse(ledger.isRunKeyAuthorised(runKey));
    }

    function test_refusesToRevokeWhatIsNotAuthorised() public {
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.RunKeyNotAuthorised.selector, key));
        vm.prank(operator);
        ledger.revokeRunKey(key);
        vm.warp(UNTIL);
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.RunKeyNotAuthorised.selector, runKey));
        vm.prank(operator);
        ledger.revokeRunKey(runKey);
    }

    function test_authorisesNobodyWhilePaused() public {
        vm.prank(owner);
        ledger.pause();
        vm.expectRevert(Pausable.EnforcedPause.selector);
        vm.prank(operator);
        ledger.authoriseRunKey(key, UNTIL);
    }

    function refuseToReopen() private {
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.RunKeyWindowClosed.selector, runKey));
        vm.prank(operator);
        ledger.authoriseRunKey(runKey, type(uint64).max);
    }

    /// @dev One that never was authorised, one that is, and that one again.
    function three() private view returns (address[] memory keys) {
        keys = new address[](3);
        (keys[0], keys[1], keys[2]) = (key, runKey, runKey);
    }

    function expectWindow(address subject, uint64 from, uint64 until) private view {
        (uint64 actualFrom, uint64 actualUntil) = ledger.runKeyWindow(subject);
        assertEq(actualFrom, from, "from");
        assertEq(actualUntil, until, "until");
    }
}
