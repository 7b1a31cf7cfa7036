// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Vm} from "forge-std/Vm.sol";

import {IFaceLedger} from "../../src/interfaces/IFaceLedger.sol";
import {IIdentities} from "../../src/interfaces/IIdentities.sol";

/// @dev The ledger's whole state, built from nothing but its events and the blocks that hold them.
contract Indexer {
    struct Identity {
        bytes32 commitment;
        uint64 version;
        uint64 revokedAt;
    }

    mapping(bytes32 batchId => bytes32 root) public committedRoot;
    mapping(address account => bool enabled) public isCommitter;
    mapping(address account => bool enabled) public isRegistrar;
    mapping(bytes32 nullifier => uint64 time) public commitmentRevokedAt;
    mapping(address key => uint64 time) public windowFrom;
    mapping(address key => uint64 time) public windowUntil;
    mapping(address key => uint64 blockNumber) public runKeyRevokedIn;
    mapping(address wallet => Identity identity) public identityOf;
    mapping(address wallet => uint256 next) public nonces;
    address public owner;
    address public pendingOwner;
    bool public paused;

    /// @dev Reads the logs of one block, which is the present one.
    function index(Vm.Log[] calldata logs) external {
        for (uint256 i = 0; i < logs.length; i++) {
            _log(logs[i].topics, logs[i].data);
        }
    }

    function _log(bytes32[] calldata topics, bytes calldata data) private {
        bytes32 kind = topics[0];
        if (kind == IFaceLedger.BatchCommitted.selector) {
            (committedRoot[topics[1]],) = abi.decode(data, (bytes32, uint32));
        } else if (kind == IFaceLedger.CommitmentRevoked.selector) {
            commitmentRevokedAt[topics[1]] = abi.decode(data, (uint64));
        } else if (topics.length > 1) {
            _account(kind, address(uint160(uint256(topics[1]))), topics, data);
        } else {
            paused = kind == keccak256("Paused(address)");
        }
    }

    function _account(bytes32 kind, address account, bytes32[] calldata topics, bytes calldata data) private {
        if (kind == IFaceLedger.RunKeyAuthorised.selector) {
            (windowFrom[account], windowUntil[account]) = abi.decode(data, (uint64, uint64));
        } else if (kind == IFaceLedger.RunKeyRevoked.selector) {
            windowUntil[account] = abi.decode(data, (uint64));
            runKeyRevokedIn[account] = uint64(block.number);
        } else if (kind == IFaceLedger.CommitterSet.selector) {
            isCommitter[account] = abi.decode(data, (bool));
        } else if (kind == IFaceLedger.RegistrarSet.selector) {
            isRegistrar[account] = abi.decode(data, (bool));
        } else if (kind == keccak256("OwnershipTransferStarted(address,address)")) {
            pendingOwner = address(uint160(uint256(topics[2])));
        } else if (kind == keccak256("OwnershipTransferred(address,address)")) {
            (owner, pendingOwner) = (address(uint160(uint256(topics[2]))), address(0));
        } else {
            _identity(kind, account, data);
        }
    }

    function _identity(bytes32 kind, address wallet, bytes calldata data) private {
        Identity storage identity = identityOf[wallet];
        if (kind == IIdentities.IdentityRegistered.selector) {
            (identity.commitment, nonces[wallet]) = abi.decode(data, (bytes32, uint256));
            identity.version = 1;
        } else if (kind == IIdentities.IdentityUpdated.selector) {
            (identity.commitment, identity.version, nonces[wallet]) = abi.decode(data, (bytes32, uint64, uint256));
        } else if (kind == IIdentities.IdentityAuthenticated.selector) {
            (, nonces[wallet]) = abi.decode(data, (uint64, uint256));
        } else if (kind == IIdentities.IdentityRevoked.selector) {
            (, nonces[wallet]) = abi.decode(data, (uint64, uint256));
            (identity.commitment, identity.revokedAt) = (0, uint64(block.timestamp));
        }
    }
}
