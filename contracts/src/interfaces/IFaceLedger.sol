// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title FaceLedger: commitments to results of face recognition runs
/// @notice Holds salted Merkle roots and nothing else: no image, name, score, or CID. A batch of results is committed
/// once, by a committer, and only with the signature of a run key that is authorised at that moment. Every state can be
/// rebuilt from the events, and there is no proxy: the code at the address is the code for ever.
interface IFaceLedger {
    /// @notice A batch was committed: `count` leaves under `root`, signed by `runKey`.
    event BatchCommitted(bytes32 indexed batchId, bytes32 root, uint32 count, address indexed runKey);

    /// @notice `key` may sign batches from `from` (this block's time) until before `until`, both in seconds since 1970.
    /// Emitted again, with the same `from`, when the end is moved to a later time.
    event RunKeyAuthorised(address indexed key, uint64 from, uint64 until);

    /// @notice `key` signs no batch from `revokedAt` (this block's time) on.
    event RunKeyRevoked(address indexed key, uint64 revokedAt);

    /// @notice `account` may (or may no longer) commit batches.
    event CommitterSet(address indexed account, bool enabled);

    /// @notice `account` may (or may no longer) authorise run keys, and revoke keys, commitments and identities.
    event RegistrarSet(address indexed account, bool enabled);

    /// @notice The commitment that `nullifier` stands for counts no longer, from `revokedAt` (this block's time) on.
    event CommitmentRevoked(bytes32 indexed nullifier, uint64 revokedAt);

    /// @notice The caller is no committer.
    error NotCommitter(address account);

    /// @notice The caller may not authorise run keys, or revoke.
    error NotRegistrar(address account);

    /// @notice A batch of this id is committed already, under `root`.
    error BatchAlreadyCommitted(bytes32 batchId, bytes32 root);

    /// @notice A batch has a root other than zero and at least one leaf.
    error EmptyBatch(bytes32 batchId);

    /// @notice The key was never authorised, or is expired or revoked.
    error RunKeyNotAuthorised(address key);

    /// @notice This nullifier is revoked already.
    error CommitmentAlreadyRevoked(bytes32 nullifier);

    /// @notice The signature is not the run key's over this batch, on this chain, at this contract.
    error InvalidBatchSignature(bytes32 batchId, address runKey);

    /// @notice The zero address is no run key.
    error InvalidRunKey();

    /// @notice The end of a run key's window must lie after this block's time, and after its present end.
    error RunKeyWindowNotExtended(address key, uint64 until);

    /// @notice The key's window has ended. It cannot be opened again: use a fresh key.
    error RunKeyWindowClosed(address key);

    /// @notice A ledger without an owner could not be paused or handed over.
    error OwnershipCannotBeRenounced();

    /// @notice Commits the batch `batchId`: `count` leaves under the Merkle root `root`.
    /// @param signature EIP-712 `Batch(bytes32 batchId,bytes32 root,uint32 count)` by `runKey`: 65 bytes r, s, v, low s.
    /// @dev Only a committer, while not paused. A second commit of an id is refused, whatever its root.
    function commitBatch(bytes32 batchId, bytes32 root, uint32 count, address runKey, bytes calldata signature) external;

    /// @notice Lets `key` sign batches until before `validUntil` (seconds since 1970), or moves its end to that time.
    /// @dev Only a registrar, while not paused. A key has one window, without gaps, for ever: so the present state
    /// answers whether it was authorised at any past block, and nobody needs an archive node to verify.
    function authoriseRunKey(address key, uint64 validUntil) external;

    /// @notice Ends the window of `key` at once. Only the owner or a registrar; works while paused.
    function revokeRunKey(address key) external;

    /// @notice Ends the windows of `keys` at once; those that are not open are passed over, so that one that expires on
    /// the way holds up no other. Only the owner or a registrar; works while paused.
    function revokeRunKeys(address[] calldata keys) external;

    /// @notice Revokes the commitments that `nullifiers` stand for. Only the owner or a registrar; works while paused.
    /// @dev A nullifier is a salted hash of a leaf: who has the receipt finds it, and nobody else learns which leaf of
    /// which batch was revoked, or of whom.
    function revokeCommitments(bytes32[] calldata nullifiers) external;

    /// @notice Lets `account` commit batches, or no longer. Only the owner.
    function setCommitter(address account, bool enabled) external;

    /// @notice Lets `account` authorise run keys and revoke, or no longer. Only the owner.
    function setRegistrar(address account, bool enabled) external;

    /// @notice Stops commits, authorisations, and what identities do but revoke. Only the owner.
    function pause() external;

    /// @notice Resumes them. Only the owner.
    function unpause() external;

    /// @notice The root of a committed batch; zero if it is not committed.
    function committedRoot(bytes32 batchId) external view returns (bytes32);

    /// @notice When `key` was or is authorised: from `from` until before `until`; both zero if it never was.
    /// A revocation moves `until` to its block's time.
    function runKeyWindow(address key) external view returns (uint64 from, uint64 until);

    /// @notice The block in which `key` was revoked; zero if it never was. Blocks of one second share a time: where
    /// `until` is this block's time, the key was authorised up to here in the order of transactions.
    function runKeyRevokedIn(address key) external view returns (uint64 blockNumber);

    /// @notice `runKeyWindow` and `runKeyRevokedIn` of many keys, in their order: one question for a folder of receipts.
    function runKeyWindows(address[] calldata keys)
        external
        view
        returns (uint64[] memory from, uint64[] memory until, uint64[] memory revokedIn);

    /// @notice Whether `key` may sign a batch in this block.
    function isRunKeyAuthorised(address key) external view returns (bool);

    /// @notice When (seconds since 1970) the commitment of `nullifier` was revoked; zero if it was not.
    function commitmentRevokedAt(bytes32 nullifier) external view returns (uint64);

    /// @notice `commitmentRevokedAt` of many nullifiers, in their order: one question for a folder of receipts.
    function commitmentsRevokedAt(bytes32[] calldata nullifiers) external view returns (uint64[] memory times);

    /// @notice Whether `account` may commit batches.
    function isCommitter(address account) external view returns (bool);

    /// @notice Whether `account` may authorise run keys, and revoke keys, commitments and identities.
    function isRegistrar(address account) external view returns (bool);

    /// @notice The EIP-712 digest that a run key signs for a batch.
    function batchDigest(bytes32 batchId, bytes32 root, uint32 count) external view returns (bytes32);
}
