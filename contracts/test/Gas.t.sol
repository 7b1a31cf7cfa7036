// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {LedgerTest} from "./LedgerTest.sol";

/// @dev The price of a transaction as a sender pays it: 21,000, calldata by EIP-2028, and execution from cold storage.
contract GasTest is LedgerTest {
    function test_aRecordCostsAtMost300GasInABatchOf256() public {
        assertLe(perRecord(256), 300);
    }

    function test_aRecordCostsAtMost20GasInABatchOf4096() public {
        assertLe(perRecord(4096), 20);
    }

    function perRecord(uint32 count) private returns (uint256 gas) {
        bytes32 id = keccak256("batch");
        bytes32 root = keccak256("root");
        bytes memory data =
            abi.encodeCall(ledger.commitBatch, (id, root, count, runKey, sign(runSecret, id, root, count)));
        // What setting up and signing touched would be warm; a transaction of its own finds it cold.
        vm.cool(address(ledger));
        vm.prank(operator);
        uint256 before = gasleft();
        (bool ok,) = address(ledger).call(data);
        uint256 execution = before - gasleft();
        assertTrue(ok);
        uint256 transaction = 21_000 + calldataGas(data) + execution;
        vm.snapshotValue(string.concat("commitBatch of ", vm.toString(count)), transaction);
        gas = transaction / count;
        vm.snapshotValue(string.concat("per record in a batch of ", vm.toString(count)), gas);
    }

    function calldataGas(bytes memory data) private pure returns (uint256 gas) {
        for (uint256 i = 0; i < data.length; i++) {
            gas += data[i] == 0 ? 4 : 16;
        }
    }
}
