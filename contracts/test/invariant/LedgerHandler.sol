// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Test} from "forge-std/Test.sol";

import {FaceLedger} from "../../src/FaceLedger.sol";
import {Consents} from "../Consents.sol";
import {Indexer} from "./Indexer.sol";

/// @dev Does what people and attackers can do, over few keys and ids so that they meet, and keeps its own books.
contract LedgerHandler is Test {
    FaceLedger public immutable ledger;
    address public immutable operator;
    Indexer public immutable indexer;

    bytes32[] public ids;
    mapping(bytes32 id => bytes32 root) public firstRoot;
    mapping(address key => uint64 from) public firstFrom;
    mapping(address key => bool ended) public hasEnded;
    mapping(address wallet => uint256 used) public consentsUsed;
    mapping(address wallet => uint256 version) public versions;
    mapping(address wallet => bool ended) public hasLeft;
    uint256[] public secrets;

    /// @dev What the ledger did although the books say that it must not, or refused although it must.
    uint256 public wrongly;

    /// @dev Every log of what is done here reaches the indexer, in the block that holds it.
    modifier told() {
        vm.recordLogs();
        _;
        indexer.index(vm.getRecordedLogs());
    }

    constructor(FaceLedger ledger_, address operator_, Indexer indexer_) {
        ledger = ledger_;
        operator = operator_;
        indexer = indexer_;
        for (uint256 i = 0; i < 4; i++) {
            (, uint256 secret) = makeAddrAndKey(string.concat("key ", vm.toString(i)));
            secrets.push(secret);
        }
    }

    function commit(uint256 idSeed, bytes32 root, uint32 count, uint256 keySeed, uint256 signerSeed, uint8 luck)
        external
        told
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

    function authorise(uint256 keySeed, uint64 length) external told {
        address key = keyAt(keySeed);
        vm.prank(operator);
        try ledger.authoriseRunKey(key, uint64(block.timestamp + length % 1 days)) {
            if (hasEnded[key]) wrongly++;
            if (firstFrom[key] == 0) firstFrom[key] = uint64(block.timestamp);
        } catch {}
    }

    function revoke(uint256 keySeed) external told {
        vm.prank(operator);
        try ledger.revokeRunKey(keyAt(keySeed)) {
            hasEnded[keyAt(keySeed)] = true;
        } catch {}
    }

    function revokeTwo(uint256 keySeed, uint256 otherSeed) external told {
        address[] memory keys = new address[](2);
        (keys[0], keys[1]) = (keyAt(keySeed), keyAt(otherSeed));
        vm.prank(operator);
        ledger.revokeRunKeys(keys);
        for (uint256 i = 0; i < keys.length; i++) {
            if (firstFrom[keys[i]] != 0) hasEnded[keys[i]] = true;
        }
    }

    function pass(uint32 time) external {
        vm.warp(block.timestamp + time % 12 hours);
        vm.roll(block.number + 1);
        for (uint256 i = 0; i < secrets.length; i++) {
            if (firstFrom[keyAt(i)] != 0 && !ledger.isRunKeyAuthorised(keyAt(i))) hasEnded[keyAt(i)] = true;
        }
    }

    function togglePause() external told {
        vm.startPrank(ledger.owner());
        if (ledger.paused()) ledger.unpause();
        else ledger.pause();
        vm.stopPrank();
    }

    /// @dev One of the four things that a wallet consents to; `luck` decides whether it is the wallet that signed.
    function consent(uint256 seed, uint8 action, bytes32 value, uint8 luck) external told {
        address wallet = keyAt(seed);
        (bytes32 commitment,,) = ledger.identityOf(wallet);
        uint256 kind = action % 4;
        if (kind == 2) value = commitment;
        string[4] memory kinds = [Consents.REGISTER, Consents.UPDATE, Consents.REVOKE, Consents.AUTHENTICATE];
        uint256 secret = secrets[(seed % secrets.length + (luck % 4 == 0 ? 1 : 0)) % secrets.length];
        bytes memory signature = Consents.sign(ledger, secret, kinds[kind], wallet, value, block.timestamp);
        bool isActive = versions[wallet] != 0 && !hasLeft[wallet];
        bool rightly = luck % 4 != 0 && (kind == 0 ? versions[wallet] == 0 : isActive)
            && (kind == 2 || !ledger.paused()) && (kind > 1 || (value != 0 && value != commitment));
        (bool ok,) = address(ledger).call(consentCall(kind, wallet, value, signature));
        if (ok != rightly) wrongly++;
        if (!ok) return;
        consentsUsed[wallet]++;
        if (kind < 2) versions[wallet]++;
        if (kind == 2) hasLeft[wallet] = true;
    }

    function expel(uint256 seed) external told {
        address wallet = keyAt(seed);
        vm.prank(operator);
        try ledger.revokeIdentityOf(wallet) {
            if (versions[wallet] == 0 || hasLeft[wallet]) wrongly++;
            hasLeft[wallet] = true;
        } catch {
            if (versions[wallet] != 0 && !hasLeft[wallet]) wrongly++;
        }
    }

    function nullify(uint256 seed) external told {
        bytes32[] memory nullifiers = new bytes32[](1);
        nullifiers[0] = bytes32(seed % 8);
        bool rightly = ledger.commitmentRevokedAt(nullifiers[0]) == 0;
        vm.prank(operator);
        try ledger.revokeCommitments(nullifiers) {
            if (!rightly) wrongly++;
        } catch {
            if (rightly) wrongly++;
        }
    }

    function handOver(uint256 seed, bool accept) external told {
        if (!accept) {
            vm.prank(ledger.owner());
            ledger.transferOwnership(keyAt(seed));
        } else if (ledger.pendingOwner() != address(0)) {
            vm.prank(ledger.pendingOwner());
            ledger.acceptOwnership();
        }
    }

    function grant(uint256 seed, bool enabled) external told {
        vm.startPrank(ledger.owner());
        ledger.setCommitter(keyAt(seed), enabled);
        ledger.setRegistrar(keyAt(seed), !enabled);
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

    function consentCall(uint256 kind, address wallet, bytes32 value, bytes memory signature)
        private
        view
        returns (bytes memory)
    {
        uint256 deadline = block.timestamp;
        if (kind == 0) return abi.encodeCall(ledger.registerIdentity, (wallet, value, deadline, signature));
        if (kind == 1) return abi.encodeCall(ledger.updateIdentity, (wallet, value, deadline, signature));
        if (kind == 2) return abi.encodeCall(ledger.revokeIdentity, (wallet, deadline, signature));
        return abi.encodeCall(ledger.authenticate, (wallet, value, deadline, signature));
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
