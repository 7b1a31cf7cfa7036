// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Test} from "forge-std/Test.sol";

import {FaceLedger} from "../../src/FaceLedger.sol";
import {LedgerHandler} from "./LedgerHandler.sol";

contract LedgerInvariantTest is Test {
    FaceLedger private ledger;
    LedgerHandler private handler;

    function setUp() public {
        vm.warp(1_700_000_000);
        address operator = makeAddr("operator");
        ledger = new FaceLedger(makeAddr("owner"), operator);
        handler = new LedgerHandler(ledger, operator);
        targetContract(address(handler));
    }

    function invariant_aCommittedRootNeverChanges() public view {
        for (uint256 i = 0; i < handler.idCount(); i++) {
            bytes32 id = handler.ids(i);
            assertEq(ledger.committedRoot(id), handler.firstRoot(id));
        }
    }

    function invariant_commitsAreTakenExactlyWhenTheRulesAllowThem() public view {
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
}
