// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";

/// @title The EIP-712 domain in which every signature to the ledger counts
/// @dev The separator is computed at each call instead of being kept in immutables: every deployment then runs
/// byte-identical code, which a verifier compares by its hash, and a chain that forks off gets a domain of its own.
abstract contract LedgerDomain is IERC5267 {
    bytes32 private constant DOMAIN_TYPE =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant NAME_HASH = keccak256("FaceLedger");
    bytes32 private constant VERSION_HASH = keccak256("1");

    /// @inheritdoc IERC5267
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        )
    {
        return (hex"0f", "FaceLedger", "1", block.chainid, address(this), 0, new uint256[](0));
    }

    /// @dev The 32 bytes that are signed for a message whose struct hash is `structHash`.
    function _typedHash(bytes32 structHash) internal view returns (bytes32) {
        bytes32 domain = keccak256(abi.encode(DOMAIN_TYPE, NAME_HASH, VERSION_HASH, block.chainid, address(this)));
        return keccak256(abi.encodePacked(hex"1901", domain, structHash));
    }
}
