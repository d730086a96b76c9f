import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gatewayHalves } from '../protocols/gateway.ts'
import { protocolNames, type ProtocolName } from '../protocols/names.ts'
import { generateSigningKeyPem, signerFromPem, type Signer } from '../recording/seal.ts'

/** The gateway's own keys, in files that only it can read; made at the first start. */
export interface GatewayKeys {
  readonly signer: Signer
  /** Every public key that records were ever sealed with, the one in use last. */
  readonly recordingKeys: readonly RecordingKey[]
  readonly token: {
    readonly privateKey: ReturnType<typeof createPrivateKey>
    readonly publicKey: ReturnType<typeof createPublicKey>
  }
  /** Signs ID tokens, where the gateway is the issuer. */
  readonly issuer: GatewayKeys['token']
  /** For keyed digests and commitments. */
  readonly digest: Buffer
  /** What the keys of journals are made of. */
  readonly journal: Buffer
  /** What detached texts are encrypted under. */
  readonly detached: Buffer
  /** What sign-ins of browsers are sealed with on their way. */
  readonly web: Buffer
  /** By which clients know the gateway, of each protocol that has such a key: as the protocol writes it. */
  readonly identity: Readonly<Partial<Record<ProtocolName, string>>>
  /** Names of the files that were not there and were made. */
  readonly made: readonly string[]
}

export interface RecordingKey {
  readonly id: string
  readonly publicKey: string
  /** ISO 8601; a seal from outside of this time is not believed. */
  readonly from: string
  readonly until?: string
}

export function loadKeys(directory: string): GatewayKeys {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const made: string[] = []
  const loadOrMake = (name: string, make: () => string): string => {
    const file = join(directory, name)
    if (!existsSync(file)) {
      writeFileSync(file, make(), { mode: 0o600, flag: 'wx' })
      made.push(name)
    }
    return readFileSync(file, 'utf8')
  }
  const signer = signerFromPem(loadOrMake('recording.key', generateSigningKeyPem))
  const recordingKeys = listKeys(directory, signer)
  const keyPair = (name: string): GatewayKeys['token'] => {
    const pem = loadOrMake(name, () =>
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    )
    const privateKey = createPrivateKey(pem)
    return { privateKey, publicKey: createPublicKey(privateKey) }
  }
  const secret = (name: string): Buffer => secretOf(loadOrMake(name, () => randomBytes(32).toString('hex')))
  return {
    signer,
    recordingKeys,
    token: keyPair('token.key'),
    issuer: keyPair('issuer.key'),
    digest: secret('digest.key'),
    journal: secret(JOURNAL_KEY),
    detached: secret('apart.key'), // the name that data directories have had since format 2
    web: secret('web.key'),
    identity: Object.fromEntries(
      protocolNames.flatMap((name) => {
        const { identityKey } = gatewayHalves[name]
        return identityKey === undefined ? [] : [[name, loadOrMake(identityKey.file, identityKey.make)]]
      }),
    ),
    made,
  }
}

/** What the keys of journals are made of; undefined if the directory has none, as before the first start. */
export function journalKey(directory: string): Buffer | undefined {
  const file = join(directory, JOURNAL_KEY)
  return existsSync(file) ? secretOf(readFileSync(file, 'utf8')) : undefined
}

const JOURNAL_KEY = 'journal.key'
const secretOf = (text: string): Buffer => Buffer.from(text, 'hex')

/** Makes the key that is to seal records next. It is in use once `useNextKey` is called. The gateway must not run. */
export function makeNextKey(directory: string): Signer {
  const pem = generateSigningKeyPem()
  writeFileSync(nextKeyFile(directory), pem, { mode: 0o600 })
  return signerFromPem(pem)
}

/**
 * Retires the key in use for the one that was made to follow it. Where the audit chain does not say so (`rotatedTo`), a rotation was
 * stopped before it was on record, and the key that was made for it is removed. Does nothing where no key was made.
 */
export function useNextKey(directory: string, rotatedTo: string | undefined): void {
  const next = nextKeyFile(directory)
  if (!existsSync(next)) return
  if (signerFromPem(readFileSync(next, 'utf8')).keyId === rotatedTo) renameSync(next, join(directory, 'recording.key'))
  else unlinkSync(next)
}

const nextKeyFile = (directory: string): string => join(directory, 'recording.key.next')

/** The keys that auditors are given to verify records with, old ones included: PEM with a line about each. */
export const keyBundle = (keys: readonly RecordingKey[]): string =>
  keys
    .map(
      ({ id, publicKey, from, until }) =>
        `# key ${id} from ${from}${until === undefined ? '' : ` until ${until}`}\n${publicKey}`,
    )
    .join('')

function listKeys(directory: string, signer: Signer): RecordingKey[] {
  const file = join(directory, 'recording-keys.json')
  const known = existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as RecordingKey[]) : []
  const keys = known.some(({ id }) => id === signer.keyId) ? known : withKey(known, signer, new Date().toISOString())
  if (keys !== known) writeFileSync(file, `${JSON.stringify(keys, null, 2)}\n`, { mode: 0o600 })
  writeFileSync(join(directory, 'gateway.pub'), keyBundle(keys), { mode: 0o600 })
  return keys
}

const withKey = (known: readonly RecordingKey[], signer: Signer, now: string): RecordingKey[] => [
  ...known.map((key) => ({ ...key, until: key.until ?? now })),
  { id: signer.keyId, publicKey: signer.publicKeyPem, from: now },
]
