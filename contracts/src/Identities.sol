// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {IIdentities} from "./interfaces/IIdentities.sol";
import {LedgerDomain} from "./LedgerDomain.sol";

/// @title Identities
/// @dev The nonce is used before a contract wallet is asked, and the question is a static call: a wallet that calls back
/// finds its signature used already, and changes nothing.
abstract contract Identities is IIdentities, LedgerDomain, Pausable {
    /// @dev Active if version > 0 and revokedAt == 0. `version` only grows; `revokedAt` is set once.
    struct Identity {
        bytes32 commitment;
        uint64 version;
        uint64 revokedAt;
    }

    bytes32 private constant REGISTER_TYPE =
        keccak256("RegisterIdentity(address wallet,bytes32 commitment,uint256 nonce,uint256 deadline)");
    bytes32 private constant UPDATE_TYPE =
        keccak256("UpdateIdentity(address wallet,bytes32 commitment,uint256 nonce,uint256 deadline)");
    bytes32 private constant REVOKE_TYPE =
        keccak256("RevokeIdentity(address wallet,bytes32 commitment,uint256 nonce,uint256 deadline)");
    bytes32 private constant AUTHENTICATE_TYPE =
        keccak256("Authenticate(address wallet,bytes32 challenge,uint256 nonce,uint256 deadline)");

    /// @inheritdoc IIdentities
    mapping(address wallet => Identity identity) public identityOf;

    /// @inheritdoc IIdentities
    mapping(address wallet => uint256 next) public nonces;

    /// @inheritdoc IIdentities
    function registerIdentity(address wallet, bytes32 commitment, uint256 deadline, bytes calldata signature)
        external
        whenNotPaused
    {
        if (identityOf[wallet].version != 0) revert IdentityAlreadyRegistered(wallet);
        if (commitment == 0) revert InvalidCommitment(wallet);
        identityOf[wallet] = Identity(commitment, 1, 0);
        uint256 next = _useConsent(REGISTER_TYPE, wallet, commitment, deadline, signature);
        emit IdentityRegistered(wallet, commitment, next);
    }

    /// @inheritdoc IIdentities
    function updateIdentity(address wallet, bytes32 commitment, uint256 deadline, bytes calldata signature)
        external
        whenNotPaused
    {
        Identity memory identity = _active(wallet);
        // Slither takes what lies beside a stored time for a time: this compares two hashes.
        // slither-disable-next-line incorrect-equality
        if (commitment == 0 || commitment == identity.commitment) revert InvalidCommitment(wallet);
        identityOf[wallet] = Identity(commitment, identity.version + 1, 0);
        uint256 next = _useConsent(UPDATE_TYPE, wallet, commitment, deadline, signature);
        emit IdentityUpdated(wallet, commitment, identity.version + 1, next);
    }

    /// @inheritdoc IIdentities
    function revokeIdentity(address wallet, uint256 deadline, bytes calldata signature) external {
        bytes32 withdrawn = _active(wallet).commitment;
        _endIdentity(wallet, _useConsent(REVOKE_TYPE, wallet, withdrawn, deadline, signature));
    }

    /// @inheritdoc IIdentities
    function authenticate(address wallet, bytes32 challenge, uint256 deadline, bytes calldata signature)
        external
        whenNotPaused
    {
        uint64 version = _active(wallet).version;
        uint256 next = _useConsent(AUTHENTICATE_TYPE, wallet, challenge, deadline, signature);
        emit IdentityAuthenticated(wallet, challenge, version, next);
    }

    /// @dev Ends the identity of `wallet`, whose next nonce is `next`.
    function _endIdentity(address wallet, uint256 next) internal {
        uint64 version = _active(wallet).version;
        identityOf[wallet] = Identity(0, version, uint64(block.timestamp));
        emit IdentityRevoked(wallet, version, next);
    }

    function _active(address wallet) private view returns (Identity memory identity) {
        identity = identityOf[wallet];
        // The version counts, and nothing but this contract counts it.
        // slither-disable-next-line incorrect-equality
        if (identity.version == 0 || identity.revokedAt != 0) revert IdentityNotActive(wallet);
    }

    /// @dev Uses the nonce of `wallet` if it signed the message, and answers the one that follows.
    function _useConsent(bytes32 kind, address wallet, bytes32 value, uint256 deadline, bytes calldata signature)
        private
        returns (uint256 next)
    {
        if (block.timestamp > deadline) revert ConsentExpired(wallet, deadline);
        uint256 nonce = nonces[wallet];
        next = nonce + 1;
        nonces[wallet] = next;
        bytes32 digest = _typedHash(keccak256(abi.encode(kind, wallet, value, nonce, deadline)));
        if (!SignatureChecker.isValidSignatureNow(wallet, digest, signature)) revert InvalidConsent(wallet, nonce);
    }
}
