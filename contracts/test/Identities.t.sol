// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.20;

import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";

import {FaceLedger} from "../src/FaceLedger.sol";
import {IFaceLedger} from "../src/interfaces/IFaceLedger.sol";
import {IIdentities} from "../src/interfaces/IIdentities.sol";
import {Consents} from "./Consents.sol";
import {ContractWallet} from "./ContractWallet.sol";
import {LedgerTest} from "./LedgerTest.sol";

contract IdentitiesTest is LedgerTest {
    bytes32 private constant FACE = keccak256("face");
    bytes32 private constant NEWER = keccak256("newer face");
    bytes32 private constant CHALLENGE = keccak256("challenge");

    address private wallet;
    uint256 private secret;

    function setUp() public override {
        super.setUp();
        (wallet, secret) = makeAddrAndKey("wallet");
    }

    function testFuzz_anyoneSendsARegistrationThatTheWalletSigned(address sender, bytes32 commitment, uint256 deadline)
        public
    {
        vm.assume(commitment != 0);
        deadline = bound(deadline, START, type(uint256).max);
        bytes memory signature = Consents.sign(ledger, secret, Consents.REGISTER, wallet, commitment, deadline);
        vm.expectEmit(address(ledger));
        emit IIdentities.IdentityRegistered(wallet, commitment, 1);
        vm.prank(sender);
        ledger.registerIdentity(wallet, commitment, deadline, signature);
        expectIdentity(commitment, 1, 0, 1);
    }

    function test_aWalletThatNeverRegisteredHasNoIdentity() public view {
        expectIdentity(0, 0, 0, 0);
    }

    function test_aWalletRegistersOnce() public {
        register();
        bytes memory signature = Consents.sign(ledger, secret, Consents.REGISTER, wallet, NEWER, UNTIL);
        vm.expectRevert(abi.encodeWithSelector(IIdentities.IdentityAlreadyRegistered.selector, wallet));
        ledger.registerIdentity(wallet, NEWER, UNTIL, signature);
    }

    function testFuzz_anUpdateRaisesTheVersion(uint8 times) public {
        register();
        for (uint256 i = 0; i < times % 8; i++) {
            bytes32 commitment = keccak256(abi.encode(i));
            bytes memory signature = Consents.sign(ledger, secret, Consents.UPDATE, wallet, commitment, UNTIL);
            vm.expectEmit(address(ledger));
            // The loop ends at eight.
            // forge-lint: disable-next-line(unsafe-typecast)
            emit IIdentities.IdentityUpdated(wallet, commitment, uint64(i + 2), i + 2);
            ledger.updateIdentity(wallet, commitment, UNTIL, signature);
            // forge-lint: disable-next-line(unsafe-typecast)
            expectIdentity(commitment, uint64(i + 2), 0, i + 2);
        }
    }

    function test_aRevokedIdentityEndsForEver() public {
        register();
        vm.warp(START + 1 hours);
        bytes memory signature = Consents.sign(ledger, secret, Consents.REVOKE, wallet, FACE, UNTIL);
        vm.expectEmit(address(ledger));
        emit IIdentities.IdentityRevoked(wallet, 1, 2);
        ledger.revokeIdentity(wallet, UNTIL, signature);
        expectIdentity(0, 1, START + 1 hours, 2);
        refuseEverythingAfterTheEnd();
    }

    function test_aRegistrarAndTheOwnerRevokeWithoutASignature() public {
        address[2] memory allowed = [operator, owner];
        for (uint256 i = 0; i < allowed.length; i++) {
            (wallet, secret) = makeAddrAndKey(vm.toString(i));
            register();
            vm.expectEmit(address(ledger));
            emit IIdentities.IdentityRevoked(wallet, 1, 1);
            vm.prank(allowed[i]);
            ledger.revokeIdentityOf(wallet);
            expectIdentity(0, 1, START, 1);
            refuseEverythingAfterTheEnd();
        }
    }

    function testFuzz_nobodyElseRevokesWithoutASignature(address stranger) public {
        vm.assume(stranger != operator && stranger != owner);
        register();
        vm.expectRevert(abi.encodeWithSelector(IFaceLedger.NotRegistrar.selector, stranger));
        vm.prank(stranger);
        ledger.revokeIdentityOf(wallet);
    }

    function testFuzz_authenticationNamesTheVersion(address sender, bytes32 challenge) public {
        register();
        update();
        bytes memory signature = Consents.sign(ledger, secret, Consents.AUTHENTICATE, wallet, challenge, UNTIL);
        vm.expectEmit(address(ledger));
        emit IIdentities.IdentityAuthenticated(wallet, challenge, 2, 3);
        vm.prank(sender);
        ledger.authenticate(wallet, challenge, UNTIL, signature);
        expectIdentity(NEWER, 2, 0, 3);
    }

    function test_aSignatureCountsOnce() public {
        register();
        bytes memory signature = Consents.sign(ledger, secret, Consents.AUTHENTICATE, wallet, CHALLENGE, UNTIL);
        ledger.authenticate(wallet, CHALLENGE, UNTIL, signature);
        refuse(2);
        ledger.authenticate(wallet, CHALLENGE, UNTIL, signature);
    }

    function test_aSignatureCountsUntilItsDeadline() public {
        register();
        bytes memory signature = Consents.sign(ledger, secret, Consents.AUTHENTICATE, wallet, CHALLENGE, UNTIL);
        vm.warp(UNTIL + 1);
        vm.expectRevert(abi.encodeWithSelector(IIdentities.ConsentExpired.selector, wallet, UNTIL));
        ledger.authenticate(wallet, CHALLENGE, UNTIL, signature);
        vm.warp(UNTIL);
        ledger.authenticate(wallet, CHALLENGE, UNTIL, signature);
    }

    function testFuzz_anotherKeysSignatureIsRefused(uint256 other) public {
        other = bound(other, 1, ORDER - 1);
        vm.assume(other != secret);
        bytes memory signature = Consents.sign(ledger, other, Consents.REGISTER, wallet, FACE, UNTIL);
        refuse(0);
        ledger.registerIdentity(wallet, FACE, UNTIL, signature);
    }

    function testFuzz_aSignatureWithAnyBitFlippedIsRefused(uint256 bit) public {
        bytes memory signature = Consents.sign(ledger, secret, Consents.REGISTER, wallet, FACE, UNTIL);
        bit = bound(bit, 0, signature.length * 8 - 1);
        // The bit moves within one byte of the signature, so the mask fits into it.
        // forge-lint: disable-next-line(unsafe-typecast, incorrect-shift)
        signature[bit / 8] = signature[bit / 8] ^ bytes1(uint8(1 << (bit % 8)));
        refuse(0);
        ledger.registerIdentity(wallet, FACE, UNTIL, signature);
    }

    function testFuzz_aSignatureOverAnythingElseIsRefused(bytes32 commitment, uint64 deadline, address other) public {
        vm.assume(commitment != 0 && (commitment != FACE || deadline != UNTIL || other != wallet));
        vm.assume(deadline >= START && other.code.length == 0);
        bytes memory signature = Consents.sign(ledger, secret, Consents.REGISTER, wallet, FACE, UNTIL);
        vm.expectRevert(abi.encodeWithSelector(IIdentities.InvalidConsent.selector, other, 0));
        ledger.registerIdentity(other, commitment, deadline, signature);
    }

    function test_consentToOneActionIsNoneToAnother() public {
        register();
        bytes memory signature = Consents.sign(ledger, secret, Consents.UPDATE, wallet, NEWER, UNTIL);
        refuse(1);
        ledger.authenticate(wallet, NEWER, UNTIL, signature);
        refuse(1);
        ledger.revokeIdentity(wallet, UNTIL, signature);
    }

    function test_aSignatureForAnotherChainOrLedgerIsRefused() public {
        bytes memory signature = Consents.sign(ledger, secret, Consents.REGISTER, wallet, FACE, UNTIL);
        vm.chainId(block.chainid + 1);
        refuse(0);
        ledger.registerIdentity(wallet, FACE, UNTIL, signature);
        vm.chainId(block.chainid - 1);
        ledger = new FaceLedger(owner, operator);
        refuse(0);
        ledger.registerIdentity(wallet, FACE, UNTIL, signature);
    }

    function test_theOtherFormOfAValidSignatureIsRefused() public {
        bytes32 digest = Consents.digest(ledger, Consents.REGISTER, wallet, FACE, 0, UNTIL);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(secret, digest);
        bytes memory high = abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27));
        refuse(0);
        ledger.registerIdentity(wallet, FACE, UNTIL, high);
    }

    function test_aCommitmentIsNotEmptyAndAnUpdateChangesIt() public {
        bytes memory signature = Consents.sign(ledger, secret, Consents.REGISTER, wallet, 0, UNTIL);
        vm.expectRevert(abi.encodeWithSelector(IIdentities.InvalidCommitment.selector, wallet));
        ledger.registerIdentity(wallet, 0, UNTIL, signature);
        register();
        bytes32[2] memory refused = [bytes32(0), FACE];
        for (uint256 i = 0; i < refused.length; i++) {
            signature = Consents.sign(ledger, secret, Consents.UPDATE, wallet, refused[i], UNTIL);
            vm.expectRevert(abi.encodeWithSelector(IIdentities.InvalidCommitment.selector, wallet));
            ledger.updateIdentity(wallet, refused[i], UNTIL, signature);
        }
    }

    function test_aContractWalletConsentsByEip1271() public {
        wallet = address(new ContractWallet(vm.addr(secret)));
        register();
        update();
        bytes memory signature = Consents.sign(ledger, secret, Consents.AUTHENTICATE, wallet, CHALLENGE, UNTIL);
        ledger.authenticate(wallet, CHALLENGE, UNTIL, signature);
        signature = Consents.sign(ledger, secret, Consents.REVOKE, wallet, NEWER, UNTIL);
        ledger.revokeIdentity(wallet, UNTIL, signature);
        expectIdentity(0, 2, START, 4);
    }

    function testFuzz_aContractWalletRefusesWhatItsHolderDidNotSign(uint256 other) public {
        other = bound(other, 1, ORDER - 1);
        vm.assume(other != secret);
        wallet = address(new ContractWallet(vm.addr(secret)));
        bytes memory signature = Consents.sign(ledger, other, Consents.REGISTER, wallet, FACE, UNTIL);
        refuse(0);
        ledger.registerIdentity(wallet, FACE, UNTIL, signature);
    }

    function test_aContractThatIsNoWalletConsentsToNothing() public {
        wallet = address(ledger);
        bytes memory signature = Consents.sign(ledger, secret, Consents.REGISTER, wallet, FACE, UNTIL);
        refuse(0);
        ledger.registerIdentity(wallet, FACE, UNTIL, signature);
    }

    function test_whilePausedConsentIsOnlyWithdrawn() public {
        register();
        vm.prank(owner);
        ledger.pause();
        vm.expectRevert(Pausable.EnforcedPause.selector);
        ledger.registerIdentity(runKey, FACE, UNTIL, "");
        vm.expectRevert(Pausable.EnforcedPause.selector);
        ledger.updateIdentity(wallet, NEWER, UNTIL, "");
        vm.expectRevert(Pausable.EnforcedPause.selector);
        ledger.authenticate(wallet, CHALLENGE, UNTIL, "");
        bytes memory signature = Consents.sign(ledger, secret, Consents.REVOKE, wallet, FACE, UNTIL);
        ledger.revokeIdentity(wallet, UNTIL, signature);
        expectIdentity(0, 1, START, 2);
    }

    function test_thereIsNothingToUseBeforeRegistration() public {
        refuseAsInactive();
    }

    function register() private {
        bytes memory signature = Consents.sign(ledger, secret, Consents.REGISTER, wallet, FACE, UNTIL);
        ledger.registerIdentity(wallet, FACE, UNTIL, signature);
    }

    function update() private {
        bytes memory signature = Consents.sign(ledger, secret, Consents.UPDATE, wallet, NEWER, UNTIL);
        ledger.updateIdentity(wallet, NEWER, UNTIL, signature);
    }

    function refuse(uint256 nonce) private {
        vm.expectRevert(abi.encodeWithSelector(IIdentities.InvalidConsent.selector, wallet, nonce));
    }

    function refuseEverythingAfterTheEnd() private {
        bytes memory signature = Consents.sign(ledger, secret, Consents.REGISTER, wallet, NEWER, UNTIL);
        vm.expectRevert(abi.encodeWithSelector(IIdentities.IdentityAlreadyRegistered.selector, wallet));
        ledger.registerIdentity(wallet, NEWER, UNTIL, signature);
        refuseAsInactive();
    }

    function refuseAsInactive() private {
        bytes memory inactive = abi.encodeWithSelector(IIdentities.IdentityNotActive.selector, wallet);
        bytes memory signature = Consents.sign(ledger, secret, Consents.UPDATE, wallet, NEWER, UNTIL);
        vm.expectRevert(inactive);
        ledger.updateIdentity(wallet, NEWER, UNTIL, signature);
        signature = Consents.sign(ledger, secret, Consents.AUTHENTICATE, wallet, CHALLENGE, UNTIL);
        vm.expectRevert(inactive);
        ledger.authenticate(wallet, CHALLENGE, UNTIL, signature);
        signature = Consents.sign(ledger, secret, Consents.REVOKE, wallet, 0, UNTIL);
        vm.expectRevert(inactive);
        ledger.revokeIdentity(wallet, UNTIL, signature);
        vm.expectRevert(inactive);
        vm.prank(operator);
        ledger.revokeIdentityOf(wallet);
    }

    function expectIdentity(bytes32 commitment, uint64 version, uint64 revokedAt, uint256 nonce) private view {
        (bytes32 actual, uint64 actualVersion, uint64 actualRevokedAt) = ledger.identityOf(wallet);
        assertEq(actual, commitment, "commitment");
        assertEq(actualVersion, version, "version");
        assertEq(actualRevokedAt, revokedAt, "revokedAt");
        assertEq(ledger.nonces(wallet), nonce, "nonce");
    }
}
