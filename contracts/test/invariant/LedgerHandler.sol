// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Test} from "forge-std/Test.sol";

import {FaceLedger} from "../../src/FaceLedger.sol";

/// @dev Does what people and attackers can do, over few keys and ids so that they meet, and keeps its own books.
contract LedgerHandler is Test {
    FaceLedger public immutable ledger;
    address public immutable operator;

    bytes32[] public ids;
    mapping(bytes32 id => bytes32 root) public firstRoot;
    mapping(address key => uint64 from) public firstFrom;
    mapping(address key => bool ended) public hasEnded;
    uint256[] public secrets;

    /// @dev Commits that the ledger took although the books say that it must not.
    uint256 public wrongly;

    constructor(FaceLedger ledger_, address operator_) {
        ledger = ledger_;
        operator = operator_;
        for (uint256 i = 0; i < 4; i++) {
            (, uint256 secret) = makeAddrAndKey(string.concat("key ", vm.toString(i)));
            secrets.push(secret);
        }
    }

    function commit(uint256 idSeed, bytes32 root, uint32 count, uint256 keySeed, uint256 signerSeed, uint8 luck)
        external
    {
        bytes32 id = bytes32(idSeed % 8);
        address key = keyAt(keySeed);
        // Mostly right, or the ledger would be asked to refuse only.
        bool asOperator = luck % 4 != 0;
        if (luck % 3 != 0) signerSeed = keySeed;
        bytes memory signature = sign(signerSeed, id, root, count);
        bool rightly = asOperator && root != 0 && count != 0 && firstRoot[id] == 0 && isOpen(key)
            && keyAt(signerSeed) == key && !ledger.paused();
        vm.prank(asOperator ? operator : address(this));
        try ledger.commitBatch(id, root, count, key, signature) {
            if (!rightly) wrongly++;
            if (firstRoot[id] == 0) ids.push(id);
            firstRoot[id] = root;
        } catch {
            if (rightly) wrongly++;
        }
    }

    function authorise(uint256 keySeed, uint64 length) external {
        address key = keyAt(keySeed);
        vm.prank(operator);
        try ledger.authoriseRunKey(key, uint64(block.timestamp + length % 1 days)) {
            if (hasEnded[key]) wrongly++;
            if (firstFrom[key] == 0) firstFrom[key] = uint64(block.timestamp);
        } catch {}
    }

    function revoke(uint256 keySeed) external {
        vm.prank(operator);
        try ledger.revokeRunKey(keyAt(keySeed)) {
            hasEnded[keyAt(keySeed)] = true;
        } catch {}
    }

    function pass(uint32 time) external {
        vm.warp(block.timestamp + time % 12 hours);
        for (uint256 i = 0; i < secrets.length; i++) {
            if (firstFrom[keyAt(i)] != 0 && !ledger.isRunKeyAuthorised(keyAt(i))) hasEnded[keyAt(i)] = true;
        }
    }

    function togglePause() external {
        vm.startPrank(ledger.owner());
        if (ledger.paused()) ledger.unpause();
        else ledger.pause();
        vm.stopPrank();
    }

    function keyAt(uint256 seed) public view returns (address) {
        return vm.addr(secrets[seed % secrets.length]);
    }

    function keyCount() external view returns (uint256) {
        return secrets.length;
    }

    function idCount() external view returns (uint256) {
        return ids.length;
    }

    function sign(uint256 seed, bytes32 id, bytes32 root, uint32 count) private view returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secrets[seed % secrets.length], ledger.batchDigest(id, root, count));
        return abi.encodePacked(r, s, v);
    }

    function isOpen(address key) private view returns (bool) {
        (uint64 from, uint64 until) = ledger.runKeyWindow(key);
        return firstFrom[key] != 0 && !hasEnded[key] && from <= block.timestamp && block.timestamp < until;
    }
}
