// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {Test} from "forge-std/Test.sol";

/// @dev The multiproofs that faceledger_contracts makes, held to OpenZeppelin's library.
contract MultiproofTest is Test {
    uint256 private count;
    string private vectors;

    function setUp() public {
        vectors = vm.readFile("test/vectors/multiproofs.json");
        while (vm.keyExistsJson(vectors, at(count, ""))) count++;
        assertGt(count, 0);
    }

    function test_openZeppelinAcceptsEach() public view {
        for (uint256 i = 0; i < count; i++) {
            (bytes32[] memory leaves, bytes32[] memory proof, bool[] memory flags, bytes32 root) = read(i);
            assertTrue(MerkleProof.multiProofVerify(proof, flags, root, leaves));
        }
    }

    function testFuzz_openZeppelinRefusesThemWithAnyLeafReplaced(uint256 which, bytes32 other) public view {
        (bytes32[] memory leaves, bytes32[] memory proof, bool[] memory flags, bytes32 root) = read(which % count);
        vm.assume(leaves[which % leaves.length] != other);
        leaves[which % leaves.length] = other;
        assertFalse(MerkleProof.multiProofVerify(proof, flags, root, leaves));
    }

    function read(uint256 i)
        private
        view
        returns (bytes32[] memory leaves, bytes32[] memory proof, bool[] memory flags, bytes32 root)
    {
        leaves = vm.parseJsonBytes32Array(vectors, at(i, ".leaves"));
        proof = vm.parseJsonBytes32Array(vectors, at(i, ".proof"));
        flags = vm.parseJsonBoolArray(vectors, at(i, ".flags"));
        root = vm.parseJsonBytes32(vectors, at(i, ".root"));
    }

    function at(uint256 i, string memory field) private pure returns (string memory) {
        return string.concat("$[", vm.toString(i), "]", field);
    }
}
