// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Consents} from "./Consents.sol";
import {LedgerTest} from "./LedgerTest.sol";

/// @dev The gas of a transaction as its sender pays it: each call runs as one of its own.
/// forge-config: default.isolate = true
contract GasTest is LedgerTest {
    function test_aRecordCostsAtMost300GasInABatchOf256() public {
        assertLe(perRecord(256), 300);
    }

    function test_aRecordCostsAtMost20GasInABatchOf4096() public {
        assertLe(perRecord(4096), 20);
    }

    function test_whatAnIdentityAndARevocationCost() public {
        (address wallet, uint256 secret) = makeAddrAndKey("wallet");
        bytes32 value = keccak256("commitment");
        bytes memory signature = Consents.sign(ledger, secret, Consents.REGISTER, wallet, value, UNTIL);
        ledger.registerIdentity(wallet, value, UNTIL, signature);
        note("registerIdentity");
        signature = Consents.sign(ledger, secret, Consents.AUTHENTICATE, wallet, value, UNTIL);
        ledger.authenticate(wallet, value, UNTIL, signature);
        note("authenticate");
        bytes32[] memory nullifiers = new bytes32[](100);
        for (uint256 i = 0; i < nullifiers.length; i++) {
            nullifiers[i] = keccak256(abi.encode(i));
        }
        vm.prank(operator);
        ledger.revokeCommitments(nullifiers);
        note("revokeCommitments of 100");
    }

    function test_whatTheRevocationOfRunKeysCosts() public {
        address[] memory keys = new address[](64);
        for (uint256 i = 0; i < keys.length; i++) {
            keys[i] = vm.addr(i + 1);
            vm.prank(operator);
            ledger.authoriseRunKey(keys[i], UNTIL);
        }
        note("authoriseRunKey");
        vm.prank(operator);
        ledger.revokeRunKeys(keys);
        note("revokeRunKeys of 64");
    }

    function note(string memory call) private {
        vm.snapshotValue(call, vm.lastCallGas().gasTotalUsed);
    }

    function perRecord(uint32 count) private returns (uint256 gas) {
        commit(keccak256("batch"), keccak256("root"), count);
        uint256 transaction = vm.lastCallGas().gasTotalUsed;
        vm.snapshotValue(string.concat("commitBatch of ", vm.toString(count)), transaction);
        gas = transaction / count;
        vm.snapshotValue(string.concat("per record in a batch of ", vm.toString(count)), gas);
    }
}
