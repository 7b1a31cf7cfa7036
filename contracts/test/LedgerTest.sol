// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Test} from "forge-std/Test.sol";

import {FaceLedger} from "../src/FaceLedger.sol";

/// @dev A ledger with an owner, an operator (committer and registrar) and one authorised run key.
abstract contract LedgerTest is Test {
    /// @dev Order of secp256k1: private keys lie below it.
    uint256 internal constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;
    uint64 internal constant START = 1_700_000_000;
    uint64 internal constant UNTIL = START + 1 days;

    address internal owner = makeAddr("owner");
    address internal operator = makeAddr("operator");
    address internal runKey;
    uint256 internal runSecret;
    FaceLedger internal ledger;

    function setUp() public virtual {
        vm.warp(START);
        (runKey, runSecret) = makeAddrAndKey("run key");
        ledger = new FaceLedger(owner, operator);
        vm.prank(operator);
        ledger.authoriseRunKey(runKey, UNTIL);
    }

    function sign(uint256 secret, bytes32 batchId, bytes32 root, uint32 count) internal view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secret, ledger.batchDigest(batchId, root, count));
        return abi.encodePacked(r, s, v);
    }

    function commit(bytes32 batchId, bytes32 root, uint32 count) internal {
        bytes memory signature = sign(runSecret, batchId, root, count);
        vm.prank(operator);
        ledger.commitBatch(batchId, root, count, runKey, signature);
    }
}
