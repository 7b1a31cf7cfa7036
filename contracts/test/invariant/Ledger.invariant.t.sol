// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Test} from "forge-std/Test.sol";

import {FaceLedger} from "../../src/FaceLedger.sol";
import {Indexer} from "./Indexer.sol";
import {LedgerHandler} from "./LedgerHandler.sol";

contract LedgerInvariantTest is Test {
    FaceLedger private ledger;
    LedgerHandler private handler;

    function setUp() public {
        vm.warp(1_700_000_000);
        address operator = makeAddr("operator");
        Indexer indexer = new Indexer();
        vm.recordLogs();
        ledger = new FaceLedger(makeAddr("owner"), operator);
        indexer.index(vm.getRecordedLogs());
        handler = new LedgerHandler(ledger, operator, indexer);
        targetContract(address(handler));
    }

    function invariant_aCommittedRootNeverChanges() public view {
        for (uint256 i = 0; i < handler.idCount(); i++) {
            bytes32 id = handler.ids(i);
            assertEq(ledger.committedRoot(id), handler.firstRoot(id));
        }
    }

    function invariant_callsSucceedExactlyWhenTheRulesAllowThem() public view {
        assertEq(handler.wrongly(), 0);
    }

    function invariant_aKeyHasOneWindowWithOneBeginning() public view {
        for (uint256 i = 0; i < handler.keyCount(); i++) {
            address key = handler.keyAt(i);
            (uint64 from, uint64 until) = ledger.runKeyWindow(key);
            assertEq(from, handler.firstFrom(key));
            assertLe(from, until);
            if (handler.hasEnded(key)) assertFalse(ledger.isRunKeyAuthorised(key));
        }
    }

    function invariant_aConsentIsUsedOnceAndAVersionNeverFalls() public view {
        for (uint256 i = 0; i < handler.keyCount(); i++) {
            address wallet = handler.keyAt(i);
            (, uint64 version, uint64 revokedAt) = ledger.identityOf(wallet);
            assertEq(ledger.nonces(wallet), handler.consentsUsed(wallet));
            assertEq(version, handler.versions(wallet));
            assertEq(revokedAt != 0, handler.hasLeft(wallet));
        }
    }

    function invariant_theEventsTellTheWholeState() public view {
        Indexer told = handler.indexer();
        assertEq(told.owner(), ledger.owner());
        assertEq(told.pendingOwner(), ledger.pendingOwner());
        assertEq(told.paused(), ledger.paused());
        for (uint256 i = 0; i < 8; i++) {
            assertEq(told.committedRoot(bytes32(i)), ledger.committedRoot(bytes32(i)));
            assertEq(told.commitmentRevokedAt(bytes32(i)), ledger.commitmentRevokedAt(bytes32(i)));
        }
        sameAccount(told, handler.operator());
        for (uint256 i = 0; i < handler.keyCount(); i++) {
            sameAccount(told, handler.keyAt(i));
        }
    }

    function sameAccount(Indexer told, address account) private view {
        assertEq(told.isCommitter(account), ledger.isCommitter(account));
        assertEq(told.isRegistrar(account), ledger.isRegistrar(account));
        assertEq(told.nonces(account), ledger.nonces(account));
        (uint64 from, uint64 until) = ledger.runKeyWindow(account);
        assertEq(told.windowFrom(account), from);
        assertEq(told.windowUntil(account), until);
        assertEq(told.runKeyRevokedIn(account), ledger.runKeyRevokedIn(account));
        (bytes32 commitment, uint64 version, uint64 revokedAt) = ledger.identityOf(account);
        (bytes32 toldCommitment, uint64 toldVersion, uint64 toldRevokedAt) = told.identityOf(account);
        assertEq(toldCommitment, commitment);
        assertEq(toldVersion, version);
        assertEq(toldRevokedAt, revokedAt);
    }
}
