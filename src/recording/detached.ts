import { createCipheriv, createDecipheriv, createHash, createHmac, randomBytes } from 'node:crypto'
import { mkdir, open, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { DetachedReference } from './event.ts'

/**
 * Detached texts: the originals of commands that could not be parsed, and so may contain any secret. They are encrypted in a file of their
 * own beside the recording, which can be erased; the recording has a salted digest, so that verification never needs them. The format of
 * recordings, the audit chain and the API call them `apart` (docs/recording-format.md).
 */
export interface DetachedEntry {
  readonly id: string
  /** Base64: a salt of 16 bytes, an AES-256-GCM nonce of 12, and the ciphertext with its tag. */
  readonly salt: string
  readonly nonce: string
  readonly text: string
}

export interface DetachedCipher {
  readonly key: Buffer
}

/** The key of one session's texts. */
export const detachedKey = (master: Uint8Array, session: string): Buffer =>
  createHmac('sha256', master).update(`pamapart/1 ${session}`).digest()

export function hideDetached(
  { key }: DetachedCipher,
  text: string,
): { reference: DetachedReference; entry: DetachedEntry } {
  const id = randomBytes(8).toString('hex')
  const salt = randomBytes(16)
  const nonce = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', key, nonce)
  const hidden = Buffer.concat([cipher.update(text), cipher.final(), cipher.getAuthTag()])
  return {
    reference: { id, sha256: digestOf(salt, text) },
    entry: { id, salt: base64(salt), nonce: base64(nonce), text: base64(hidden) },
  }
}

/** Throws if the entry was not encrypted with this key. */
export function showDetached(
  { key }: DetachedCipher,
  entry: DetachedEntry,
): { text: string; reference: DetachedReference } {
  const hidden = Buffer.from(entry.text, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(entry.nonce, 'base64'))
  decipher.setAuthTag(hidden.subarray(-TAG))
  const text = Buffer.concat([decipher.update(hidden.subarray(0, -TAG)), decipher.final()]).toString('utf8')
  return { text, reference: { id: entry.id, sha256: digestOfDetached({ salt: entry.salt, text }) } }
}

export const detachedFileOf = (recording: string): string => recording.replace(/\.pamrec$/, '.pamapart')

/** Appends the entries that the file does not have yet, and flushes it. What a stop or a full disk cut off is taken away first. */
export async function appendDetached(path: string, entries: readonly DetachedEntry[]): Promise<void> {
  const before = await bytesOf(path)
  const whole = before.lastIndexOf(LINE_FEED) + 1
  const known = new Set(parseDetached(before.subarray(0, whole)).flatMap(({ entry }) => entry?.id ?? []))
  const lines = entries.filter(({ id }) => !known.has(id)).map((entry) => `${JSON.stringify(entry)}\n`)
  if (lines.length === 0) return
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const file = await open(path, 'a', 0o600)
  try {
    // Otherwise the first of these would stand in one line with what was cut, and neither could be read.
    if (whole < before.length) await file.truncate(whole)
    await file.writeFile(lines.join(''))
    await file.datasync()
  } finally {
    await file.close()
  }
}

/** Empty if there is no such file. */
export const readDetached = async (path: string): Promise<DetachedLine[]> => parseDetached(await bytesOf(path))

const bytesOf = (path: string): Promise<Buffer> =>
  readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return Buffer.alloc(0)
    throw error
  })

/** A line of the file: an entry, or something that is none. */
export interface DetachedLine {
  /** Counted from 1. */
  readonly line: number
  readonly entry: DetachedEntry | undefined
}

/** The lines of a file. A last one that a stop cut off is left out: what it was to say is in the journal. */
export function parseDetached(bytes: Buffer): DetachedLine[] {
  const lines = bytes.toString('utf8').split('\n')
  return lines.flatMap((text, index) => {
    const entry = entryOf(text)
    const isCut = index === lines.length - 1 && entry === undefined
    return text === '' || isCut ? [] : [{ line: index + 1, entry }]
  })
}

function entryOf(line: string): DetachedEntry | undefined {
  try {
    const value: unknown = JSON.parse(line)
    return isEntry(value) ? value : undefined
  } catch {
    return undefined
  }
}

const isEntry = (value: unknown): value is DetachedEntry =>
  typeof value === 'object' &&
  value !== null &&
  ['id', 'salt', 'nonce', 'text'].every((field) => typeof Reflect.get(value, field) === 'string')

/** What the recording has of a text: the hexadecimal SHA-256 of its salt, given in base64, and the text. */
export const digestOfDetached = ({ salt, text }: Pick<DetachedEntry, 'salt' | 'text'>): string =>
  digestOf(Buffer.from(salt, 'base64'), text)

const digestOf = (salt: Buffer, text: string): string => createHash('sha256').update(salt).update(text).digest('hex')
const base64 = (bytes: Buffer): string => bytes.toString('base64')
const TAG = 16
const LINE_FEED = 0x0a
