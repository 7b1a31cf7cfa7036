// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {LedgerTest} from "./LedgerTest.sol";

contract Eip712Test is LedgerTest {
    function testFuzz_theDigestIsThatOfTheDescribedDomain(bytes32 id, bytes32 root, uint32 count, uint64 chain) public {
        vm.chainId(bound(chain, 1, type(uint64).max - 1));
        (bytes1 fields, string memory name, string memory version, uint256 chainId, address place,,) =
            ledger.eip712Domain();
        assertEq(fields, hex"0f");
        assertEq(chainId, block.chainid);
        assertEq(place, address(ledger));
        bytes32 domain = keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256(bytes(version)),
                chainId,
                place
            )
        );
        bytes32 batch =
            keccak256(abi.encode(keccak256("Batch(bytes32 batchId,bytes32 root,uint32 count)"), id, root, count));
        assertEq(ledger.batchDigest(id, root, count), keccak256(abi.encodePacked(hex"1901", domain, batch)));
    }

    function test_everyDeploymentRunsTheSameCode() public {
        address first = address(ledger);
        vm.chainId(block.chainid + 1);
        super.setUp();
        assertTrue(first != address(ledger));
        assertEq(first.codehash, address(ledger).codehash);
    }
}
