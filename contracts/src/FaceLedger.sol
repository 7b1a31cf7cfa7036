// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Ownable} from "@openzeppelin/contracts/access/Ownable.sol";
import {Ownable2Step} from "@openzeppelin/contracts/access/Ownable2Step.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IFaceLedger} from "./interfaces/IFaceLedger.sol";
import {IIdentities} from "./interfaces/IIdentities.sol";
import {Identities} from "./Identities.sol";

/// @title FaceLedger
contract FaceLedger is IFaceLedger, Identities, Ownable2Step {
    /// @dev One slot. Authorised at time t if from <= t < until. `from` is set once; `until` grows while the window is
    /// open and shrinks to the present at revocation, whose block is kept.
    struct Window {
        uint64 from;
        uint64 until;
        uint64 revokedIn;
    }

    bytes32 private constant BATCH_TYPE = keccak256("Batch(bytes32 batchId,bytes32 root,uint32 count)");

    /// @inheritdoc IFaceLedger
    mapping(bytes32 batchId => bytes32 root) public committedRoot;

    /// @inheritdoc IFaceLedger
    mapping(address account => bool enabled) public isCommitter;

    /// @inheritdoc IFaceLedger
    mapping(address account => bool enabled) public isRegistrar;

    /// @inheritdoc IFaceLedger
    mapping(bytes32 nullifier => uint64 time) public commitmentRevokedAt;

    mapping(address key => Window) private _windows;

    /// @param initialOwner Grants roles, pauses, hands over.
    /// @param operator Committer and registrar from the start.
    constructor(address initialOwner, address operator) Ownable(initialOwner) {
        _setCommitter(operator, true);
        _setRegistrar(operator, true);
    }

    /// @inheritdoc IFaceLedger
    function commitBatch(bytes32 batchId, bytes32 root, uint32 count, address runKey, bytes calldata signature)
        external
        whenNotPaused
    {
        if (!isCommitter[msg.sender]) revert NotCommitter(msg.sender);
        if (root == 0 || count == 0) revert EmptyBatch(batchId);
        bytes32 committed = committedRoot[batchId];
        if (committed != 0) revert BatchAlreadyCommitted(batchId, committed);
        if (!isRunKeyAuthorised(runKey)) revert RunKeyNotAuthorised(runKey);
        if (!_isSignedBy(runKey, batchDigest(batchId, root, count), signature)) {
            revert InvalidBatchSignature(batchId, runKey);
        }
        committedRoot[batchId] = root;
        emit BatchCommitted(batchId, root, count, runKey);
    }

    /// @inheritdoc IFaceLedger
    function authoriseRunKey(address key, uint64 validUntil) external whenNotPaused {
        if (!isRegistrar[msg.sender]) revert NotRegistrar(msg.sender);
        if (key == address(0)) revert InvalidRunKey();
        Window memory window = _windows[key];
        if (window.from == 0) window = Window(uint64(block.timestamp), uint64(block.timestamp), 0);
        else if (window.until <= block.timestamp) revert RunKeyWindowClosed(key);
        if (validUntil <= window.until) revert RunKeyWindowNotExtended(key, window.until);
        _windows[key] = Window(window.from, validUntil, 0);
        emit RunKeyAuthorised(key, window.from, validUntil);
    }

    /// @inheritdoc IFaceLedger
    function revokeRunKey(address key) external {
        _onlyRegistrarOrOwner();
        if (!isRunKeyAuthorised(key)) revert RunKeyNotAuthorised(key);
        _endWindow(key);
    }

    /// @inheritdoc IFaceLedger
    function revokeRunKeys(address[] calldata keys) external {
        _onlyRegistrarOrOwner();
        for (uint256 i = 0; i < keys.length; i++) {
            if (isRunKeyAuthorised(keys[i])) _endWindow(keys[i]);
        }
    }

    /// @inheritdoc IFaceLedger
    function revokeCommitments(bytes32[] calldata nullifiers) external {
        _onlyRegistrarOrOwner();
        for (uint256 i = 0; i < nullifiers.length; i++) {
            if (commitmentRevokedAt[nullifiers[i]] != 0) revert CommitmentAlreadyRevoked(nullifiers[i]);
            commitmentRevokedAt[nullifiers[i]] = uint64(block.timestamp);
            emit CommitmentRevoked(nullifiers[i], uint64(block.timestamp));
        }
    }

    /// @inheritdoc IIdentities
    function revokeIdentityOf(address wallet) external {
        _onlyRegistrarOrOwner();
        _endIdentity(wallet, nonces[wallet]);
    }

    /// @inheritdoc IFaceLedger
    function setCommitter(address account, bool enabled) external onlyOwner {
        _setCommitter(account, enabled);
    }

    /// @inheritdoc IFaceLedger
    function setRegistrar(address account, bool enabled) external onlyOwner {
        _setRegistrar(account, enabled);
    }

    /// @inheritdoc IFaceLedger
    function pause() external onlyOwner {
        _pause();
    }

    /// @inheritdoc IFaceLedger
    function unpause() external onlyOwner {
        _unpause();
    }

    /// @inheritdoc Ownable
    function renounceOwnership() public view override onlyOwner {
        revert OwnershipCannotBeRenounced();
    }

    /// @inheritdoc IFaceLedger
    function runKeyWindow(address key) external view returns (uint64 from, uint64 until) {
        return (_windows[key].from, _windows[key].until);
    }

    /// @inheritdoc IFaceLedger
    function runKeyRevokedIn(address key) external view returns (uint64 blockNumber) {
        return _windows[key].revokedIn;
    }

    /// @inheritdoc IFaceLedger
    function runKeyWindows(address[] calldata keys)
        external
        view
        returns (uint64[] memory from, uint64[] memory until, uint64[] memory revokedIn)
    {
        (from, until, revokedIn) = (new uint64[](keys.length), new uint64[](keys.length), new uint64[](keys.length));
        for (uint256 i = 0; i < keys.length; i++) {
            Window memory window = _windows[keys[i]];
            (from[i], until[i], revokedIn[i]) = (window.from, window.until, window.revokedIn);
        }
    }

    /// @inheritdoc IFaceLedger
    function commitmentsRevokedAt(bytes32[] calldata nullifiers) external view returns (uint64[] memory times) {
        times = new uint64[](nullifiers.length);
        for (uint256 i = 0; i < nullifiers.length; i++) {
            times[i] = commitmentRevokedAt[nullifiers[i]];
        }
    }

    /// @inheritdoc IFaceLedger
    function isRunKeyAuthorised(address key) public view returns (bool) {
        Window memory window = _windows[key];
        return window.from <= block.timestamp && block.timestamp < window.until;
    }

    /// @inheritdoc IFaceLedger
    function batchDigest(bytes32 batchId, bytes32 root, uint32 count) public view returns (bytes32) {
        return _typedHash(keccak256(abi.encode(BATCH_TYPE, batchId, root, count)));
    }

    function _endWindow(address key) private {
        _windows[key] = Window(_windows[key].from, uint64(block.timestamp), uint64(block.number));
        emit RunKeyRevoked(key, uint64(block.timestamp));
    }

    function _setCommitter(address account, bool enabled) private {
        isCommitter[account] = enabled;
        emit CommitterSet(account, enabled);
    }

    function _setRegistrar(address account, bool enabled) private {
        isRegistrar[account] = enabled;
        emit RegistrarSet(account, enabled);
    }

    function _onlyRegistrarOrOwner() private view {
        if (!isRegistrar[msg.sender] && msg.sender != owner()) revert NotRegistrar(msg.sender);
    }

    function _isSignedBy(address key, bytes32 digest, bytes calldata signature) private pure returns (bool) {
        // The third value only tells a caller more of the problem.
        // slither-disable-next-line unused-return
        (address signer, ECDSA.RecoverError problem,) = ECDSA.tryRecover(digest, signature);
        // slither-disable-next-line incorrect-equality
        return problem == ECDSA.RecoverError.NoError && signer == key;
    }
}
