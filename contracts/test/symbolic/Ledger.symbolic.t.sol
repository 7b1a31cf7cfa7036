// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Test} from "forge-std/Test.sol";

import {FaceLedger} from "../../src/FaceLedger.sol";

/// @dev What Halmos adds to Foundry's cheat codes.
interface Svm {
    function enableSymbolicStorage(address account) external;
    function createCalldata(string memory contractName) external returns (bytes memory);
}

/// @dev The core properties, proved by Halmos: for every storage that the ledger could have, whoever calls whatever.
contract LedgerProofs is Test {
    Svm private constant SVM = Svm(address(uint160(uint256(keccak256("svm cheat code")))));

    FaceLedger private ledger;

    function setUp() public {
        ledger = new FaceLedger(address(0xa11ce), address(0xb0b));
        SVM.enableSymbolicStorage(address(ledger));
    }

    function check_aCommittedRootNeverChanges(address caller, bytes32 id) public {
        bytes32 root = ledger.committedRoot(id);
        vm.assume(root != 0);
        callAnything(caller);
        assert(ledger.committedRoot(id) == root);
    }

    function check_onlyACommitterCommits(address caller, bytes32 id) public {
        vm.assume(ledger.committedRoot(id) == 0);
        bool allowed = ledger.isCommitter(caller) && !ledger.paused();
        callAnything(caller);
        assert(allowed || ledger.committedRoot(id) == 0);
    }

    function check_noSecondCommit(address caller, bytes32 id, bytes32 root, uint32 count, address key) public {
        bytes32 earlier = ledger.committedRoot(id);
        vm.prank(caller);
        (bool ok,) = address(ledger)
            .call(abi.encodeCall(ledger.commitBatch, (id, root, count, key, abi.encodePacked(id, root, uint8(27)))));
        assert(!ok || (earlier == 0 && root != 0 && ledger.committedRoot(id) == root));
    }

    function check_aNonceIsUsedOnceForEachConsent(address caller, address wallet) public {
        uint256 nonce = ledger.nonces(wallet);
        vm.assume(nonce < type(uint256).max);
        (bytes32 commitment, uint64 version, uint64 revokedAt) = ledger.identityOf(wallet);
        bool mayRevoke = ledger.isRegistrar(caller) || caller == ledger.owner();
        callAnything(caller);
        (bytes32 newCommitment, uint64 newVersion, uint64 newRevokedAt) = ledger.identityOf(wallet);
        bool same = commitment == newCommitment && version == newVersion && revokedAt == newRevokedAt;
        uint256 used = ledger.nonces(wallet) - nonce;
        assert(used <= 1);
        assert(same || used == 1 || mayRevoke);
    }

    function callAnything(address caller) private {
        bytes memory data = SVM.createCalldata("FaceLedger");
        vm.prank(caller);
        (bool ok,) = address(ledger).call(data);
        ok;
    }
}
