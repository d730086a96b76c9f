import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, renameSync, unlinkSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { gatewayHalves } from '../protocols/gateway.ts'
import { protocolNames, type ProtocolName } from '../protocols/names.ts'
import { generateSigningKeyPem, signerFromPem, type Signer } from '../recording/seal.ts'
import { PamError } from '../shared/errors.ts'
import { fileProblem } from '../shared/file-problem.ts'
import { systemClock, type Clock } from '../shared/clock.ts'
import { replaceFile } from '../shared/replace-file.ts'

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

/**
 * Throws CONFIG_INVALID where a file is there and holds no such key: a new one could not read or continue what the old one made. What is signed is
 * dated by `clock`.
 */
export function loadKeys(directory: string, clock: Pick<Clock, 'now'> = systemClock): GatewayKeys {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const made: string[] = []
  const loadOrMake = (name: string, make: () => string): string => {
    const file = join(directory, name)
    if (!existsSync(file)) {
      // All of it or nothing: a full disk must not leave a part of a key, with which the next start would go on.
      replaceFile(file, make())
      made.push(name)
    }
    const text = readKey(file)
    if (text.trim() === '') throw noKey(file)
    return text
  }
  const load = <T>(name: string, make: () => string, read: (text: string) => T): T => {
    const text = loadOrMake(name, make)
    try {
      return read(text)
    } catch (error) {
      throw error instanceof PamError ? error : noKey(join(directory, name), error)
    }
  }
  const signer = load('recording.key', generateSigningKeyPem, (pem) => signerFromPem(pem, () => clock.now()))
  const recordingKeys = listKeys(directory, signer)
  const keyPair = (name: string): GatewayKeys['token'] => {
    const make = (): string =>
      generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
    const privateKey = load(name, make, createPrivateKey)
    return { privateKey, publicKey: createPublicKey(privateKey) }
  }
  const secret = (name: string): Buffer =>
    load(
      name,
      () => randomBytes(SECRET_BYTES).toString('hex'),
      (text) => secretOf(text, join(directory, name)),
    )
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
  return existsSync(file) ? secretOf(readFileSync(file, 'utf8'), file) : undefined
}

const JOURNAL_KEY = 'journal.key'
const SECRET_BYTES = 32

/** Of what is not hexadecimal, Node decodes as much as it can: an empty key would be taken for one. */
function secretOf(text: string, file: string): Buffer {
  const secret = Buffer.from(text.trim(), 'hex')
  if (secret.length !== SECRET_BYTES || secret.toString('hex') !== text.trim().toLowerCase()) throw noKey(file)
  return secret
}

function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw new PamError('CONFIG_INVALID', fileProblem(file, cause), {
      side: 'gateway',
      cause,
      hint: "the key must belong to the gateway's user, with mode 0600",
    })
  }
}

const noKey = (file: string, cause?: unknown): PamError =>
  new PamError('CONFIG_INVALID', `${file} holds no key that the gateway could have made`, {
    side: 'gateway',
    cause,
    hint: 'restore it from a backup: without it, what it protects cannot be read or verified',
  })

/** Makes the key that is to seal records next. It is in use once `useNextKey` is called. The gateway must not run. */
export function makeNextKey(directory: string): Signer {
  const pem = generateSigningKeyPem()
  replaceFile(nextKeyFile(directory), pem)
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

function listKeys(directory: string, signer: Signer): readonly RecordingKey[] {
  const file = join(directory, 'recording-keys.json')
  const known = existsSync(file) ? recordingKeysIn(readFileSync(file, 'utf8'), file) : []
  const now = new Date(signer.now()).toISOString()
  const keys = known.some(({ id }) => id === signer.keyId) ? inUse(known, signer, now) : withKey(known, signer, now)
  if (keys !== known) replaceFile(file, `${JSON.stringify(keys, null, 2)}\n`)
  const bundle = join(directory, 'gateway.pub')
  const text = keyBundle(keys)
  // A start that changes nothing needs no room on the disk.
  if (!existsSync(bundle) || readFileSync(bundle, 'utf8') !== text) replaceFile(bundle, text)
  return keys
}

function recordingKeysIn(text: string, file: string): RecordingKey[] {
  try {
    return z.array(RECORDING_KEY).parse(JSON.parse(text))
  } catch (error) {
    throw new PamError('CONFIG_INVALID', `${file} is not a list of the keys that records were sealed with`, {
      side: 'gateway',
      cause: error,
      hint: 'restore it from a backup: without it, earlier records cannot be verified',
    })
  }
}

const RECORDING_KEY = z.object({
  id: z.string(),
  publicKey: z.string(),
  from: z.string(),
  until: z.string().exactOptional(),
})

/** The key that signs is in use now, whatever the clock said when it was made: what it signs before `from` would not be believed. */
const inUse = (known: readonly RecordingKey[], signer: Signer, now: string): readonly RecordingKey[] =>
  known.some(({ id, from }) => id === signer.keyId && Date.parse(from) > Date.parse(now))
    ? known.map((key) => (key.id === signer.keyId ? { ...key, from: now } : key))
    : known

const withKey = (known: readonly RecordingKey[], signer: Signer, now: string): RecordingKey[] => [
  ...known.map((key) => ({ ...key, until: key.until ?? now })),
  { id: signer.keyId, publicKey: signer.publicKeyPem, from: now },
]
