// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

/// @title Identities: wallets that vouch for a salted commitment, and consent to each use by signature
/// @notice A wallet holds one identity: a commitment (a salted hash, never a name or a template) with a version. All
/// that is done in its name carries its EIP-712 signature over its next nonce and a deadline, so anyone may send it and
/// nobody may send it twice. Contract wallets answer by EIP-1271. A revoked wallet stays revoked: use a fresh one.
interface IIdentities {
    /// @notice `wallet` registered its first commitment, version 1. `nonce` is the one it signs next.
    event IdentityRegistered(address indexed wallet, bytes32 commitment, uint256 nonce);

    /// @notice `wallet` replaced its commitment; `version` counts from 1.
    event IdentityUpdated(address indexed wallet, bytes32 commitment, uint64 version, uint256 nonce);

    /// @notice `wallet`'s identity ended, at version `version`, by its own signature or by a registrar.
    event IdentityRevoked(address indexed wallet, uint64 version, uint256 nonce);

    /// @notice `wallet`, registered with version `version`, signed `challenge`.
    event IdentityAuthenticated(address indexed wallet, bytes32 indexed challenge, uint64 version, uint256 nonce);

    /// @notice The wallet has, or had, an identity already.
    error IdentityAlreadyRegistered(address wallet);

    /// @notice The wallet has no identity, or its identity was revoked.
    error IdentityNotActive(address wallet);

    /// @notice A commitment is not zero, and an update changes it.
    error InvalidCommitment(address wallet);

    /// @notice The signature's deadline lies before this block's time.
    error ConsentExpired(address wallet, uint256 deadline);

    /// @notice The signature is not the wallet's over this message with its next nonce, on this chain, at this contract.
    error InvalidConsent(address wallet, uint256 nonce);

    /// @notice Gives `wallet` an identity with `commitment`.
    /// @param deadline Last time (seconds since 1970) at which the signature counts.
    /// @param signature EIP-712 `RegisterIdentity(address wallet,bytes32 commitment,uint256 nonce,uint256 deadline)`.
    /// @dev Anyone may send it, while not paused.
    function registerIdentity(address wallet, bytes32 commitment, uint256 deadline, bytes calldata signature) external;

    /// @notice Replaces the commitment of `wallet`, and raises its version by one.
    /// @param signature EIP-712 `UpdateIdentity(address wallet,bytes32 commitment,uint256 nonce,uint256 deadline)`.
    /// @dev Anyone may send it, while not paused.
    function updateIdentity(address wallet, bytes32 commitment, uint256 deadline, bytes calldata signature) external;

    /// @notice Ends the identity of `wallet` for ever. Works while paused: consent can always be withdrawn.
    /// @param signature EIP-712 `RevokeIdentity(address wallet,bytes32 commitment,uint256 nonce,uint256 deadline)`, with
    /// the commitment that it withdraws.
    function revokeIdentity(address wallet, uint256 deadline, bytes calldata signature) external;

    /// @notice Ends the identity of a wallet whose key is lost or stolen. Only the owner or a registrar; works while
    /// paused.
    function revokeIdentityOf(address wallet) external;

    /// @notice Records that `wallet`, whose identity is active, signed `challenge`.
    /// @param signature EIP-712 `Authenticate(address wallet,bytes32 challenge,uint256 nonce,uint256 deadline)`.
    /// @dev Anyone may send it, while not paused.
    function authenticate(address wallet, bytes32 challenge, uint256 deadline, bytes calldata signature) external;

    /// @notice The identity of `wallet`: `version` 0 if it never had one; `revokedAt` (seconds since 1970) is 0 as long
    /// as it is active, and `commitment` is 0 afterwards.
    function identityOf(address wallet) external view returns (bytes32 commitment, uint64 version, uint64 revokedAt);

    /// @notice The nonce that `wallet` signs next.
    function nonces(address wallet) external view returns (uint256);
}
