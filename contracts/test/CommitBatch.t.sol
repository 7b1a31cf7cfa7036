// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {FaceLedger} from "../src/FaceLedger.sol";
import {IFaceLedger} from "../src/interfaces/IFaceLedger.sol";
import {LedgerTest} from "./LedgerTest.sol";

contract CommitBatchTest is LedgerTest {
    bytes32 private constant ID = keccak256("batch");
    bytes32 private constant ROOT = keccak256("root");

    function testFuzz_storesTheRootAndSaysSo(bytes32 id, bytes32 root, uint32 count) public {
        vm.assume(root != 0 && count != 0);
        vm.expectEmit(address(ledger));
        emit IFaceLedger.BatchCommitted(id, root, count, runKey);
        commit(id, root, count);
        assertEq(ledger.committedRoot(id), root);
    }

    function testFuzz_refusesASecondCommitOfAnId(bytes32 id, bytes32 root, bytes32 other) public {
        vm.assume(root != 0 && other != 0);
        commit(id, root, 1);
        bytes memory signature = sign(runSecret, id, other, 1);
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.BatchAlreadyCommitted.selector, id, root));
        vm.prank(operator);
        ledger.commitBatch(id, other, 1, runKey, signature);
        assertEq(ledger.committedRoot(id), root);
    }

    function testFuzz_refusesWhoIsNoCommitter(address stranger) public {
        vm.assume(stranger != operator);
        bytes memory signature = sign(runSecret, ID, ROOT, 1);
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.NotCommitter.selector, stranger));
        vm.prank(stranger);
        ledger.commitBatch(ID, ROOT, 1, runKey, signature);
    }

    function testFuzz_refusesAKeyThatWasNeverAuthorised(uint256 secret) public {
        secret = bound(secret, 1, ORDER - 1);
        address key = vm.addr(secret);
        vm.assume(key != runKey);
        bytes memory signature = sign(secret, ID, ROOT, 1);
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.RunKeyNotAuthorised.selector, key));
        vm.prank(operator);
        ledger.commitBatch(ID, ROOT, 1, key, signature);
    }

    function test_acceptsAKeyInTheLastSecondOfItsWindow() public {
        vm.warp(UNTIL - 1);
        commit(ID, ROOT, 1);
        assertEq(ledger.committedRoot(ID), ROOT);
    }

    function testFuzz_refusesAnExpiredKey(uint64 late) public {
        vm.warp(bound(late, UNTIL, type(uint64).max));
        bytes memory signature = sign(runSecret, ID, ROOT, 1);
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.RunKeyNotAuthorised.selector, runKey));
        vm.prank(operator);
        ledger.commitBatch(ID, ROOT, 1, runKey, signature);
    }

    function test_refusesARevokedKeyInTheSameBlock() public {
        vm.prank(operator);
        ledger.revokeRunKey(runKey);
        bytes memory signature = sign(runSecret, ID, ROOT, 1);
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.RunKeyNotAuthorised.selector, runKey));
        vm.prank(operator);
        ledger.commitBatch(ID, ROOT, 1, runKey, signature);
    }

    function testFuzz_refusesASignatureWithAnyBitFlipped(uint256 bit) public {
        bytes memory signature = sign(runSecret, ID, ROOT, 7);
        bit = bound(bit, 0, signature.length * 8 - 1);
        // The bit moves within one byte of the signature, so the mask fits into it.
        // forge-lint: disable-next-line(unsafe-typecast, incorrect-shift)
        signature[bit / 8] = signature[bit / 8] ^ bytes1(uint8(1 << (bit % 8)));
        refuseSignature(ID, ROOT, 7, signature);
    }

    function testFuzz_refusesASignatureOverAnotherBatch(bytes32 id, bytes32 root, uint32 count) public {
        vm.assume(root != 0 && count != 0 && (id != ID || root != ROOT || count != 7));
        refuseSignature(id, root, count, sign(runSecret, ID, ROOT, 7));
    }

    function test_refusesASignatureForAnotherLedger() public {
        bytes memory signature = sign(runSecret, ID, ROOT, 1);
        ledger = new FaceLedger(owner, operator);
        vm.prank(operator);
        ledger.authoriseRunKey(runKey, UNTIL);
        refuseSignature(ID, ROOT, 1, signature);
    }

    function test_refusesASignatureForAnotherChain() public {
        bytes memory signature = sign(runSecret, ID, ROOT, 1);
        vm.chainId(block.chainid + 1);
        refuseSignature(ID, ROOT, 1, signature);
    }

    function testFuzz_refusesSignaturesOfAnyOtherLength(bytes calldata signature) public {
        vm.assume(signature.length != 65);
        refuseSignature(ID, ROOT, 1, signature);
    }

    function test_refusesTheOtherFormOfAValidSignature() public {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(runSecret, ledger.batchDigest(ID, ROOT, 1));
        bytes memory high = abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        refuseSignature(ID, ROOT, 1, high);
    }

    function test_refusesABatchWithoutALeafOrARoot() public {
        bytes memory signature = sign(runSecret, ID, ROOT, 0);
        vm.startPrank(operator);
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.EmptyBatch.selector, ID));
        ledger.commitBatch(ID, ROOT, 0, runKey, signature);
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.EmptyBatch.selector, ID));
        ledger.commitBatch(ID, 0, 1, runKey, signature);
    }

    function test_refusesWhilePaused() public {
        vm.prank(owner);
        ledger.pause();
        bytes memory signature = sign(runSecret, ID, ROOT, 1);
        vm.expectRevert(Pausable.EnforcedPause.selector);
        vm.prank(operator);
        ledger.commitBatch(ID, ROOT, 1, runKey, signature);
    }

    function refuseSignature(bytes32 id, bytes32 root, uint32 count, bytes memory signature) private {
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.InvalidBatchSignature.selector, id, runKey));
        vm.prank(operator);
        ledger.commitBatch(id, root, count, runKey, signature);
    }
}
