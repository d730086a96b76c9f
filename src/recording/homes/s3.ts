import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import type { ReadableStream } from 'node:stream/web'
import { S3mini, S3ServiceError } from 's3mini'
import { digestOfFile } from './directory.ts'
import { NameTaken, NotAsSealed, Retained, type Home, type Retention } from './home.ts'

export interface S3Options {
  /** Including the bucket. */
  readonly endpoint: string
  readonly region: string
  readonly prefix: string
  /** Read for every request, so that rotated credentials are used at once. */
  readonly credentials: () => { readonly accessKeyId: string; readonly secretAccessKey: string }
  readonly serverSideEncryption: { readonly algorithm: string; readonly keyId?: string | undefined } | undefined
  readonly objectLock: { readonly mode: string; readonly for: number } | undefined
  /** Milliseconds for one request. */
  readonly timeout?: number
}

/**
 * A bucket of any S3-compatible storage. Each object is uploaded with its SHA-256, which the storage verifies before it confirms, and with
 * `If-None-Match: *`, so that nothing is overwritten.
 */
export function s3Home(options: S3Options): Home {
  const { endpoint, region, prefix, timeout = 60_000 } = options
  const client = (): S3mini =>
    new S3mini({ ...options.credentials(), endpoint, region, requestAbortTimeout: timeout, minPartSize: PART })
  const headers = (): Record<string, string> => ({
    ...(options.serverSideEncryption === undefined ? {} : encryptionHeaders(options.serverSideEncryption)),
    ...(options.objectLock === undefined ? {} : lockHeaders(options.objectLock)),
  })
  return {
    label: `s3 ${endpoint}/${prefix}`,
    async put(name, path, sha256) {
      const key = prefix + name
      const s3 = client()
      try {
        if ((await stat(path)).size <= MAX_SINGLE_BYTES) {
          const bytes = await readFile(path)
          if (createHash('sha256').update(bytes).digest('hex') !== sha256) throw new NotAsSealed()
          const extra = { ...headers(), ...checksum(bytes), 'if-none-match': '*' }
          await s3.putObject(key, bytes, TYPE, undefined, extra)
        } else await putInParts(s3, key, path, sha256, headers())
      } catch (error) {
        if (error instanceof NotAsSealed) throw error
        if (!isTaken(error)) throw readable(error)
        if (!(await hasContent(client(), key, sha256))) throw new NameTaken(name)
      }
    },
    async read(name) {
      const response = await client()
        .getObjectResponse(prefix + name)
        .catch((error: unknown) => {
          throw readable(error)
        })
      return response?.body == null ? undefined : Readable.fromWeb(response.body as ReadableStream<Uint8Array>)
    },
    async remove(name) {
      const key = prefix + name
      try {
        await removeVersions(client(), key)
      } catch (error) {
        throw error instanceof Retained || error instanceof StillThere ? error : readable(error)
      }
    },
    async retention(name) {
      const key = prefix + name
      const s3 = client()
      try {
        return longest(await Promise.all((await versionsOf(s3, key)).map((version) => retentionOf(s3, version))))
      } catch (error) {
        throw readable(error)
      }
    },
  }
}

/** Not every storage supports conditional completion of a multipart upload: the name is checked first. */
async function putInParts(
  s3: S3mini,
  key: string,
  path: string,
  sha256: string,
  headers: Record<string, string>,
): Promise<void> {
  if ((await digestOfFile(path)) !== sha256) throw new NotAsSealed()
  if ((await s3.objectExists(key)) === true) throw new Taken()
  const upload = await s3.getMultipartUploadId(key, TYPE, undefined, headers)
  try {
    const { size } = await stat(path)
    const parts = []
    for (let at = 0, number = 1; at < size; at += PART, number++) {
      const end = Math.min(at + PART, size) - 1
      const bytes = await buffer(createReadStream(path, { start: at, end }))
      parts.push(await s3.uploadPart(key, upload, bytes, number, {}, undefined, checksum(bytes)))
    }
    await s3.completeMultipartUpload(key, upload, parts)
  } catch (error) {
    await s3.abortMultipartUpload(key, upload).catch(() => {})
    throw error
  }
}

class Taken extends Error {}

interface Version {
  readonly key: string
  /** Undefined if the storage keeps no versions. */
  readonly versionId?: string
  readonly isDeleteMarker?: boolean
}

/** If the bucket keeps versions, a delete without a version only hides an object behind a marker: each version is deleted by its id. */
async function removeVersions(s3: S3mini, key: string): Promise<void> {
  const kept: Retention[] = []
  for (const version of await versionsOf(s3, key)) {
    try {
      await s3.deleteObject(version)
    } catch (error) {
      if (error instanceof S3ServiceError && error.status === 404) continue
      const retention = await retentionOf(s3, version).catch(() => undefined)
      if (retention === undefined) throw error
      kept.push(retention)
    }
  }
  const longestKept = longest(kept)
  if (longestKept !== undefined) throw new Retained(longestKept)
  const left = await versionsOf(s3, key)
  if (left.length > 0) throw new StillThere(left.length)
}

class StillThere extends Error {
  constructor(count: number) {
    super(`the storage said that it deleted it, and still has ${count} of its versions`)
  }
}

/** Every version of an object and every marker; only the object if the storage does not support versions. */
async function versionsOf(s3: S3mini, key: string): Promise<Version[]> {
  let listed: Awaited<ReturnType<S3mini['listObjectVersions']>>
  try {
    listed = await s3.listObjectVersions(key)
  } catch (error) {
    if (!(error instanceof S3ServiceError && error.status === 501)) throw error
    return (await s3.objectExists(key)) === false ? [] : [{ key }]
  }
  // The bucket is missing or not accessible, which says nothing about its objects.
  if (listed === null) throw new S3ServiceError('no such bucket', 404, 'NoSuchBucket', '')
  return listed.map(({ VersionId: versionId, IsDeleteMarker: isDeleteMarker }) => ({
    key,
    ...(versionId === undefined ? {} : { versionId }),
    ...(isDeleteMarker === true ? { isDeleteMarker } : {}),
  }))
}

/** GetObjectRetention and GetObjectLegalHold: both answer 404 or 400 if nothing is set or the bucket has no object lock. */
async function retentionOf(s3: S3mini, { key, versionId, isDeleteMarker }: Version): Promise<Retention | undefined> {
  if (isDeleteMarker === true) return undefined
  const ask = async (what: string): Promise<string> => {
    const query = { [what]: '', ...(versionId === undefined ? {} : { versionId }) }
    const response = await s3.getObjectResponse(key, query).catch((error: unknown) => {
      if (error instanceof S3ServiceError && [400, 404, 405, 501].includes(error.status)) return null
      throw error
    })
    // A storage that does not support the subresource may answer with the object.
    return response?.headers.get('content-type')?.includes('xml') === true ? response.text() : ''
  }
  if (/<Status>\s*ON\s*<\/Status>/.test(await ask('legal-hold'))) return { until: undefined }
  const until = Date.parse(/<RetainUntilDate>\s*([^<]+?)\s*<\/RetainUntilDate>/.exec(await ask('retention'))?.[1] ?? '')
  return until > Date.now() ? { until: new Date(until).toISOString() } : undefined
}

/** The one that ends last. */
function longest(found: readonly (Retention | undefined)[]): Retention | undefined {
  const kept = found.filter((retention) => retention !== undefined)
  return (
    kept.find(({ until }) => until === undefined) ??
    kept.toSorted((a, b) => ((a.until ?? '') < (b.until ?? '') ? 1 : -1))[0]
  )
}

/** 412: the object exists; 409: another upload is writing it. Source: S3 API reference, Conditional writes. */
const isTaken = (error: unknown): boolean =>
  error instanceof Taken || (error instanceof S3ServiceError && (error.status === 412 || error.status === 409))

async function hasContent(s3: S3mini, key: string, sha256: string): Promise<boolean> {
  const response = await s3.getObjectResponse(key)
  if (response?.body == null) return false
  const hash = createHash('sha256')
  for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) hash.update(chunk)
  return hash.digest('hex') === sha256
}

const checksum = (bytes: Uint8Array): Record<string, string> => ({
  'x-amz-checksum-sha256': createHash('sha256').update(bytes).digest('base64'),
})

const encryptionHeaders = ({ algorithm, keyId }: { algorithm: string; keyId?: string | undefined }) => ({
  'x-amz-server-side-encryption': algorithm,
  ...(keyId === undefined ? {} : { 'x-amz-server-side-encryption-aws-kms-key-id': keyId }),
})

const lockHeaders = ({ mode, for: length }: { mode: string; for: number }) => ({
  'x-amz-object-lock-mode': mode,
  'x-amz-object-lock-retain-until-date': new Date(Date.now() + length).toISOString(),
})

/** The error without the body of the response, which may contain secrets that must not be logged. */
function readable(error: unknown): Error {
  if (error instanceof S3ServiceError)
    return new Error(`the storage answers ${error.status} ${error.serviceCode ?? ''}`.trim())
  const { message, name, cause } = error as Error & { cause?: { code?: string } }
  if (name === 'TimeoutError') return new Error('the storage does not answer in time')
  return new Error(`the storage cannot be reached: ${cause?.code ?? message}`, { cause: error })
}

const TYPE = 'application/octet-stream'
const MAX_SINGLE_BYTES = 32 * 1024 * 1024
const PART = 16 * 1024 * 1024
