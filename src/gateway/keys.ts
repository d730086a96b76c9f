import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { generateSigningKeyPem, signerFromPem, type Signer } from '../recording/seal.ts'

/** The gateway's own keys, in files that only it can read; made at the first start. */
export interface GatewayKeys {
  readonly signer: Signer
  readonly token: {
    readonly privateKey: ReturnType<typeof createPrivateKey>
    readonly publicKey: ReturnType<typeof createPublicKey>
  }
  /** For keyed digests and commitments. */
  readonly digest: Buffer
}

export function loadKeys(directory: string): GatewayKeys {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const signer = signerFromPem(loadOrMake(join(directory, 'recording.key'), generateSigningKeyPem))
  // What auditors are given to verify records with.
  writeFileSync(join(directory, 'gateway.pub'), signer.publicKeyPem, { mode: 0o644 })
  const tokenPem = loadOrMake(join(directory, 'token.key'), () =>
    generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  )
  const privateKey = createPrivateKey(tokenPem)
  return {
    signer,
    token: { privateKey, publicKey: createPublicKey(privateKey) },
    digest: Buffer.from(
      loadOrMake(join(directory, 'digest.key'), () => randomBytes(32).toString('hex')),
      'hex',
    ),
  }
}

function loadOrMake(file: string, make: () => string): string {
  if (!existsSync(file)) writeFileSync(file, make(), { mode: 0o600, flag: 'wx' })
  return readFileSync(file, 'utf8')
}
