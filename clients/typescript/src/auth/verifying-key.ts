// Named by what takes them: their own names are known with the browser's library of types only.
type Key = Parameters<typeof crypto.subtle.verify>[1];
type Verifying = Parameters<typeof crypto.subtle.verify>[0];

/** A public key, and the one algorithm that it is for. */
export interface VerifyingKey {
  name: string;
  algorithm: string;
  key: Key;
  /** For `crypto.subtle.verify`. */
  verifying: Verifying;
}

interface Kind {
  algorithm: string;
  /** What of the published key is the key itself. */
  members: readonly string[];
  importing: AlgorithmIdentifier | RsaHashedImportParams | EcKeyImportParams;
  verifying: Verifying;
}

const RS256: Kind = {
  algorithm: "RS256",
  members: ["n", "e"],
  importing: { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  verifying: { name: "RSASSA-PKCS1-v1_5" },
};
const ES256: Kind = {
  algorithm: "ES256",
  members: ["crv", "x", "y"],
  importing: { name: "ECDSA", namedCurve: "P-256" },
  verifying: { name: "ECDSA", hash: "SHA-256" },
};
const EDDSA: Kind = {
  algorithm: "EdDSA",
  members: ["crv", "x"],
  importing: { name: "Ed25519" },
  verifying: { name: "Ed25519" },
};

/** `undefined`: a key for something else, or of a kind that is not known here. */
export async function verifyingKeyOf(published: unknown): Promise<VerifyingKey | undefined> {
  if (typeof published !== "object" || published === null) return undefined;
  const jwk = published as Record<string, unknown>;
  if (typeof jwk["kid"] !== "string" || (jwk["use"] !== undefined && jwk["use"] !== "sig")) return undefined;
  const kind = kindOf(jwk);
  // A key that says it is for another algorithm than its kind's is for none of ours.
  if (kind === undefined || (jwk["alg"] !== undefined && jwk["alg"] !== kind.algorithm)) return undefined;
  const bare: JsonWebKey = { kty: jwk["kty"] as string };
  for (const member of kind.members) {
    const value = jwk[member];
    if (typeof value !== "string") return undefined;
    Object.assign(bare, { [member]: value });
  }
  try {
    const key = await crypto.subtle.importKey("jwk", bare, kind.importing, false, ["verify"]);
    return { name: jwk["kid"], algorithm: kind.algorithm, key, verifying: kind.verifying };
  } catch {
    // Not every platform knows every curve; tokens by this key are then refused.
    return undefined;
  }
}

function kindOf(jwk: Record<string, unknown>): Kind | undefined {
  if (jwk["kty"] === "RSA") return RS256;
  if (jwk["kty"] === "EC" && jwk["crv"] === "P-256") return ES256;
  if (jwk["kty"] === "OKP" && jwk["crv"] === "Ed25519") return EDDSA;
  return undefined;
}
