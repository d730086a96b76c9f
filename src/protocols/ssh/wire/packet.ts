import { ByteReader } from '../../../wire/byte-reader.ts'
import { ByteWriter } from '../../../wire/byte-writer.ts'
import { WireError } from '../../../wire/wire-error.ts'

/** SSH File Transfer Protocol, version 3 (draft-ietf-secsh-filexfer-02), as OpenSSH speaks it (its PROTOCOL, section 4). */
export const sftpType = {
  init: 1,
  version: 2,
  open: 3,
  close: 4,
  read: 5,
  write: 6,
  lstat: 7,
  fstat: 8,
  setstat: 9,
  fsetstat: 10,
  opendir: 11,
  readdir: 12,
  remove: 13,
  mkdir: 14,
  rmdir: 15,
  realpath: 16,
  stat: 17,
  rename: 18,
  readlink: 19,
  symlink: 20,
  status: 101,
  handle: 102,
  data: 103,
  name: 104,
  attrs: 105,
  extended: 200,
  extendedReply: 201,
} as const

export const sftpStatus = {
  ok: 0,
  eof: 1,
  noSuchFile: 2,
  permissionDenied: 3,
  failure: 4,
  badMessage: 5,
  unsupported: 8,
} as const

/** pflags of SSH_FXP_OPEN, section 6.3. */
export const openFlags = { read: 1, write: 2, append: 4, create: 8, truncate: 0x10, exclusive: 0x20 } as const

const attributeFlags = { size: 1, owner: 2, permissions: 4, times: 8 } as const
/** OpenSSH reads extended ones and ignores them; no client sends any. */
const KNOWN_ATTRIBUTES = 15
/** Of the permissions (POSIX, sys/stat.h). */
const FILE_TYPE = 0o170000
const DIRECTORY = 0o040000

/** Attributes that a request sets; what is not there stays as it is. */
export interface SftpAttributes {
  /** Bytes. */
  readonly size?: number
  /** Numbers of user and group: `0:0`. */
  readonly owner?: string
  /** st_mode of POSIX; the type of the file may be part of it. */
  readonly mode?: number
  /** Seconds since the epoch. */
  readonly times?: { readonly accessed: number; readonly modified: number }
}

export interface SftpPacket {
  readonly type: number
  /** Request id; of INIT and VERSION, the version. */
  readonly id: number
  /** The whole packet with its length. */
  readonly bytes: Buffer
}

/** Cuts a stream into packets; each byte is copied once at most, however they come. */
export class SftpFramer {
  #held: Buffer[] = []
  #heldBytes = 0
  /** Bytes that there must be before anything can be cut off. */
  #needed = HEADER

  /** Throws WireError for a packet that is too short or longer than OpenSSH takes. */
  push(chunk: Buffer): SftpPacket[] {
    this.#held.push(chunk)
    this.#heldBytes += chunk.length
    if (this.#heldBytes < this.#needed) return []
    const packets: SftpPacket[] = []
    let bytes = this.#held.length === 1 ? chunk : Buffer.concat(this.#held)
    this.#needed = HEADER
    while (bytes.length >= HEADER) {
      const length = bytes.readUInt32BE(0)
      if (length < 5) throw new WireError(`an SFTP packet of ${length} bytes`)
      if (length > MAX_LENGTH) throw new WireError(`an SFTP packet of ${length} bytes`, 'too-large')
      this.#needed = HEADER + length
      if (bytes.length < this.#needed) break
      const packet = bytes.subarray(0, this.#needed)
      bytes = bytes.subarray(this.#needed)
      packets.push({ type: packet.readUInt8(4), id: packet.readUInt32BE(5), bytes: packet })
      this.#needed = HEADER
    }
    this.#held = bytes.length === 0 ? [] : [bytes]
    this.#heldBytes = bytes.length
    return packets
  }

  /** Bytes of a packet that has not ended. */
  get rest(): number {
    return this.#heldBytes
  }
}

/** The packet under another request id, in the memory that it came in: nothing else may hold it. */
export function underId({ bytes }: SftpPacket, id: number): Buffer {
  bytes.writeUInt32BE(id, 5)
  return bytes
}

/** The same request with other strings in the place of some, by their number: those that stand first, behind the request id. */
export function withStrings({ bytes }: SftpPacket, strings: ReadonlyMap<number, string>): Buffer {
  const parts: Buffer[] = [bytes.subarray(0, AFTER_ID)]
  let at = AFTER_ID
  for (let index = 0; index <= Math.max(...strings.keys()); index++) {
    const end = at + 4 + bytes.readUInt32BE(at)
    const other = strings.get(index)
    if (other === undefined) parts.push(bytes.subarray(at, end))
    else {
      const writer = new ByteWriter()
      string(writer, other)
      parts.push(writer.finish())
    }
    at = end
  }
  const request = Buffer.concat([...parts, bytes.subarray(at)])
  request.writeUInt32BE(request.length - HEADER, 0)
  return request
}

/** What stands after the request id. */
export class SftpFields {
  readonly #reader: ByteReader

  constructor({ bytes, type }: SftpPacket) {
    this.#reader = new ByteReader(bytes.subarray(AFTER_ID), `SFTP packet ${type}`)
  }

  string(): Buffer {
    return this.#reader.bytes(this.#reader.uint32())
  }

  /** A path. The protocol says nothing of encodings; what is no UTF-8 cannot be judged. */
  path(): string {
    const bytes = this.string()
    const text = bytes.toString('utf8')
    if (bytes.includes(0) || !Buffer.from(text).equals(bytes)) throw new WireError('a path that is not UTF-8')
    return text
  }

  uint32(): number {
    return this.#reader.uint32()
  }

  uint64(): number {
    return this.#reader.uint32() * 2 ** 32 + this.#reader.uint32()
  }

  /**
   * ATTRS of a request (section 5), with all that is there of them. Throws WireError for attributes that version 3 does not have: nobody could say what they
   * set.
   */
  attributes(): SftpAttributes {
    const flags = this.uint32()
    const has = (flag: number): boolean => (flags & flag) !== 0
    const size = has(attributeFlags.size) ? this.uint64() : undefined
    const owner = has(attributeFlags.owner) ? `${this.uint32()}:${this.uint32()}` : undefined
    const mode = has(attributeFlags.permissions) ? this.uint32() : undefined
    const times = has(attributeFlags.times) ? { accessed: this.uint32(), modified: this.uint32() } : undefined
    if ((flags & ~KNOWN_ATTRIBUTES) !== 0) throw new WireError('attributes that are not understood')
    return {
      ...(size === undefined ? {} : { size }),
      ...(owner === undefined ? {} : { owner }),
      ...(mode === undefined ? {} : { mode }),
      ...(times === undefined ? {} : { times }),
    }
  }

  rest(): Buffer {
    return this.#reader.rest()
  }
}

/** Whether ATTRS (section 5) are those of a directory; undefined where they do not say. */
export function isDirectoryOf(packet: SftpPacket): boolean | undefined {
  const fields = new SftpFields(packet)
  const flags = fields.uint32()
  if ((flags & attributeFlags.permissions) === 0) return undefined
  if ((flags & attributeFlags.size) !== 0) fields.uint64()
  if ((flags & attributeFlags.owner) !== 0) fields.uint64()
  return (fields.uint32() & FILE_TYPE) === DIRECTORY
}

export function encodeStatus(id: number, code: number, message: string): Buffer {
  return encode(sftpType.status, id, (writer) => {
    writer.uint32(code)
    string(writer, message)
    string(writer, '')
  })
}

export const encodeRealpath = (id: number, path: string): Buffer =>
  encode(sftpType.realpath, id, (writer) => string(writer, path))

export const encodeReadlink = (id: number, path: string): Buffer =>
  encode(sftpType.readlink, id, (writer) => string(writer, path))

export const encodeLstat = (id: number, path: string): Buffer =>
  encode(sftpType.lstat, id, (writer) => string(writer, path))

export const encodeStat = (id: number, path: string): Buffer =>
  encode(sftpType.stat, id, (writer) => string(writer, path))

/** The version that everybody implements (draft-ietf-secsh-filexfer-02). */
export const SFTP_VERSION = 3

export const encodeInit = (): Buffer => encode(sftpType.init, SFTP_VERSION, () => {})

/** VERSION with these extensions (name and data). */
export const encodeVersion = (version: number, extensions: readonly (readonly [string, Buffer])[]): Buffer =>
  encode(sftpType.version, version, (writer) => {
    for (const [name, data] of extensions) {
      string(writer, name)
      writer.uint32(data.length)
      writer.bytes(data)
    }
  })

/** The extensions of VERSION. */
export function decodeExtensions(packet: SftpPacket): [string, Buffer][] {
  const fields = new SftpFields(packet)
  const extensions: [string, Buffer][] = []
  let left = packet.bytes.length - AFTER_ID
  while (left > 0) {
    const [name, data] = [fields.string(), fields.string()]
    extensions.push([name.toString('utf8'), data])
    left -= 8 + name.length + data.length
  }
  return extensions
}

function encode(type: number, id: number, write: (writer: ByteWriter) => void): Buffer {
  const writer = new ByteWriter()
  writer.uint32(0)
  writer.uint8(type)
  writer.uint32(id)
  write(writer)
  const bytes = writer.finish()
  bytes.writeUInt32BE(bytes.length - 4, 0)
  return bytes
}

function string(writer: ByteWriter, text: string): void {
  const bytes = Buffer.from(text)
  writer.uint32(bytes.length)
  writer.bytes(bytes)
}

/** The length of a packet, and where its fields begin behind length, type and request id. */
const HEADER = 4
const AFTER_ID = 9
/** SFTP_MAX_MSG_LENGTH of OpenSSH. */
const MAX_LENGTH = 256 * 1024
