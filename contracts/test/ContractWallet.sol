// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @dev A wallet that is a contract: what its holder's key signs counts as its own (EIP-1271).
contract ContractWallet is IERC1271 {
    address private immutable HOLDER;

    constructor(address holder) {
        HOLDER = holder;
    }

    function isValidSignature(bytes32 hash, bytes memory signature) external view returns (bytes4) {
        (address signer,,) = ECDSA.tryRecover(hash, signature);
        return signer == HOLDER ? IERC1271.isValidSignature.selector : bytes4(0);
    }
}
