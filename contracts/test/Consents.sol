// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Vm} from "forge-std/Vm.sol";

import {FaceLedger} from "../src/FaceLedger.sol";

/// @dev What a wallet signs, written out a second time from the interface's words and the EIP-5267 domain.
library Consents {
    bytes32 internal constant DOMAIN =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    string internal constant REGISTER =
        "RegisterIdentity(address wallet,bytes32 commitment,uint256 nonce,uint256 deadline)";
    string internal constant UPDATE =
        "UpdateIdentity(address wallet,bytes32 commitment,uint256 nonce,uint256 deadline)";
    string internal constant REVOKE =
        "RevokeIdentity(address wallet,bytes32 commitment,uint256 nonce,uint256 deadline)";
    string internal constant AUTHENTICATE =
        "Authenticate(address wallet,bytes32 challenge,uint256 nonce,uint256 deadline)";

    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    function digest(
        FaceLedger ledger,
        string memory kind,
        address wallet,
        bytes32 value,
        uint256 nonce,
        uint256 deadline
    ) internal view returns (bytes32) {
        bytes32 message = keccak256(abi.encode(keccak256(bytes(kind)), wallet, value, nonce, deadline));
        return keccak256(abi.encodePacked(hex"1901", domainOf(ledger), message));
    }

    /// @dev The signature of `secret` for `wallet`'s next message of `kind`.
    function sign(
        FaceLedger ledger,
        uint256 secret,
        string memory kind,
        address wallet,
        bytes32 value,
        uint256 deadline
    ) internal view returns (bytes memory) {
        bytes32 message = digest(ledger, kind, wallet, value, ledger.nonces(wallet), deadline);
        (uint8 v, bytes32 r, bytes32 s) = VM.sign(secret, message);
        return abi.encodePacked(r, s, v);
    }

    function domainOf(FaceLedger ledger) private view returns (bytes32) {
        (, string memory name, string memory version, uint256 chain, address place,,) = ledger.eip712Domain();
        return keccak256(abi.encode(DOMAIN, keccak256(bytes(name)), keccak256(bytes(version)), chain, place));
    }
}
