"""What users do, at random: create, edit, delete, pause, ask again, for all three kinds.

In: a namespace with claims, a random source. Out: what was done, in words. Invariant: whatever is done, `settle` leaves
nothing that only a user could end: nothing is paused, and every LedgerBinding that is asked for is there.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from eth_account import Account
from testbed import install, orl
from testbed.cluster import Manifest
from testbed.sandbox import Sandbox, keystore_secret, merged, secret

from .watching import OWN_KINDS

__all__ = ["User"]

MNEMONIC = "test test test test test test test test test test test junk"
"""The well-known one of development chains: its accounts are funded there, and worth nothing elsewhere."""

BINDINGS = ("consortium", "spare")
DATASETS = ("east", "west")
JOBS = ("front", "yard")

SIZES = (96, 128, 150)

SOURCES = ({"claimName": "staff-photos"},) * 4 + ({"claimName": "staff-photos", "path": "/nobody"}, {"claimName": "no"})
"""Most data sets have photos; one folder is not there, one claim neither."""

CROWD = range(1, 7)


@dataclass
class User:
    """Somebody with a namespace. `act` does one thing and says what."""

    sandbox: Sandbox
    random: Random

    def prepare(self) -> None:
        """Claims, photos and each binding's own account: two bindings never share a key."""
        self.sandbox.claims("staff-photos", "camera", "faceledger")
        self.sandbox.fill({"staff-photos": orl.gallery(CROWD, 3), "camera": orl.probes(CROWD, range(36, 37))})
        for number, name in enumerate(BINDINGS, 1):
            self._prepare_binding(name, number)

    def act(self) -> str:
        acts, weights = zip(*self._acts(), strict=True)
        act: Callable[[], str] = self.random.choices(acts, weights)[0]
        return act()

    def settle(self) -> None:
        for name in BINDINGS:
            self.sandbox.apply(self._binding(name))
        for kind, name in self._present():
            self._annotate(kind, name, {"faceledger.dev/reconcile": None})

    def delete_all(self) -> None:
        for kind, name in self._present():
            self.sandbox.cluster.delete(kind, name, self.sandbox.namespace)

    def _acts(self) -> Sequence[tuple[Callable[[], str], int]]:
        return (
            (self._apply_dataset, 6),
            (self._apply_job, 6),
            (self._apply_binding, 3),
            (self._delete, 3),
            (self._pause, 1),
            (self._resume, 2),
            (self._ask_again, 2),
        )

    def _apply_dataset(self) -> str:
        name = self.random.choice(DATASETS)
        source = {"claimName": None, "path": None, **self.random.choice(SOURCES)}
        size = self.random.choice(SIZES)
        manifest = self.sandbox.dataset(
            name,
            source={"persistentVolumeClaim": source},
            preprocessing={"size": size},
            ledgerRef={"name": self.random.choice(BINDINGS)},
        )
        self.sandbox.apply(manifest)
        return f"apply FaceDataset/{name} with {source['claimName']}{source['path'] or ''}, size {size}"

    def _apply_job(self) -> str:
        name, gallery = self.random.choice(JOBS), self.random.choice((*DATASETS, *DATASETS, "nobody"))
        top = self.random.choice((1, 2, 5))
        manifest = self.sandbox.job(
            name,
            galleryRef={"name": gallery},
            matching={"threshold": "0.945", "topK": top},
            ledgerRef={"name": self.random.choice(BINDINGS)},
        )
        self.sandbox.apply(manifest)
        return f"apply RecognitionJob/{name} on {gallery}, topK {top}"

    def _apply_binding(self) -> str:
        name, delay = self.random.choice(BINDINGS), self.random.choice(("0s", "1s", "3s"))
        self.sandbox.apply(self._binding(name, delay))
        return f"apply LedgerBinding/{name}, maxDelay {delay}"

    def _delete(self) -> str:
        return self._to_one_of_them("delete", self._delete_one)

    def _delete_one(self, kind: str, name: str) -> None:
        self.sandbox.cluster.delete(kind, name, self.sandbox.namespace)

    def _pause(self) -> str:
        paused = {"faceledger.dev/reconcile": "disabled"}
        return self._to_one_of_them("pause", lambda kind, name: self._annotate(kind, name, paused))

    def _resume(self) -> str:
        return self._to_one_of_them(
            "resume", lambda kind, name: self._annotate(kind, name, {"faceledger.dev/reconcile": None})
        )

    def _ask_again(self) -> str:
        request = {"faceledger.dev/reconcile-requested-at": str(self.random.random())}
        return self._to_one_of_them("ask again for", lambda kind, name: self._annotate(kind, name, request))

    def _to_one_of_them(self, verb: str, do: Callable[[str, str], None]) -> str:
        present = self._present()
        if not present:
            return f"{verb} nothing: nothing is there"
        kind, name = self.random.choice(present)
        do(kind, name)
        return f"{verb} {kind}/{name}"

    def _present(self) -> list[tuple[str, str]]:
        sandbox = self.sandbox
        found = ((kind, each) for kind in OWN_KINDS for each in sandbox.cluster.list(kind, sandbox.namespace))
        return [(kind, each["metadata"]["name"]) for kind, each in found if "deletionTimestamp" not in each["metadata"]]

    def _annotate(self, kind: str, name: str, annotations: Mapping[str, str | None]) -> None:
        body = {"metadata": {"annotations": annotations}}
        self.sandbox.cluster.patch(kind, name, self.sandbox.namespace, body)

    def _prepare_binding(self, name: str, number: int) -> None:
        """Its own funded account, password and URL, all of which are secrets that must not be seen anywhere."""
        Account.enable_unaudited_hdwallet_features()
        key = Account.from_mnemonic(MNEMONIC, account_path=f"m/44'/60'/0'/0/{number}").key.to_0x_hex()
        url = f"http://soak:{secrets.token_hex(16)}@anvil.{install.NAMESPACE}:8545"
        self.sandbox.apply(
            secret(f"{name}-rpc", {"url": url}), keystore_secret(f"{name}-key", key, secrets.token_hex(16))
        )
        self.sandbox.apply(self._binding(name))

    def _binding(self, name: str, delay: str = "1s") -> Manifest:
        overrides = {
            "network": {"rpc": {"urlSecretRef": {"name": f"{name}-rpc"}}},
            "signer": {"keystoreSecretRef": {"name": f"{name}-key"}},
            "batching": {"maxDelay": delay},
        }
        return merged(self.sandbox.binding(overrides), {"metadata": {"name": name}})
