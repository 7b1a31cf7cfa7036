// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

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

    function perRecord(uint32 count) private returns (uint256 gas) {
        commit(keccak256("batch"), keccak256("root"), count);
        uint256 transaction = vm.lastCallGas().gasTotalUsed;
        vm.snapshotValue(string.concat("commitBatch of ", vm.toString(count)), transaction);
        gas = transaction / count;
        vm.snapshotValue(string.concat("per record in a batch of ", vm.toString(count)), gas);
    }
}
