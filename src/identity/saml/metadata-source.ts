import { PamError } from '../../shared/errors.ts'
import { visible } from '../../shared/visible.ts'
import { MAX_METADATA_LENGTH, readMetadata, type ProviderMetadata } from './metadata.ts'

export interface MetadataOptions {
  readonly name: string
  readonly entityId: string
  readonly signedBy: readonly string[] | undefined
  /** The text of the document, from a file or a URL. */
  readonly read: () => Promise<string>
  /** Milliseconds. */
  readonly refreshEvery: number
}

/**
 * The metadata of one provider, read when they are first asked for and then again from time to time. What cannot be read or is refused leaves the
 * last good document in use, for as long as that says it is valid.
 */
export class MetadataSource {
  readonly #options: MetadataOptions
  #current: { readonly metadata: ProviderMetadata; readonly readAt: number } | undefined
  #reading: Promise<ProviderMetadata> | undefined
  #triedAt = Number.NEGATIVE_INFINITY
  /** Why the last attempt to read them failed; undefined where it did not. */
  problem: PamError | undefined

  constructor(options: MetadataOptions) {
    this.#options = options
  }

  /** Those in use. Throws ISSUER_UNREACHABLE where there are none, or those there were have expired. */
  async current(now: number): Promise<ProviderMetadata> {
    const known = this.#current
    const isDue = known === undefined || now - known.readAt >= this.#options.refreshEvery
    if (isDue && now - this.#triedAt >= (known === undefined ? FIRST_RETRY_AFTER_MS : RETRY_AFTER_MS))
      await this.#read(now).catch(() => undefined)
    else if (known === undefined) await this.#reading?.catch(() => undefined)
    return this.#valid(now)
  }

  /**
   * Reads them again because a signature was by none of their keys: the provider may have changed them. At most once in half a minute,
   * so that nobody has the provider asked by sending forged answers. Returns whether the keys are others than before.
   */
  async changed(now: number): Promise<boolean> {
    if (now - this.#triedAt < RETRY_AFTER_MS) return false
    const before = this.#current?.metadata.certificates.join()
    await this.#read(now).catch(() => undefined)
    return this.#current?.metadata.certificates.join() !== before
  }

  #valid(now: number): ProviderMetadata {
    const metadata = this.#current?.metadata
    if (metadata !== undefined && (metadata.validUntil === undefined || metadata.validUntil > now)) return metadata
    throw this.problem ?? unreadable(this.#options.name, 'they have expired')
  }

  /** Those who ask at the same time wait for the same answer. */
  #read(now: number): Promise<ProviderMetadata> {
    this.#triedAt = now
    this.#reading ??= this.#readOnce(now).finally(() => (this.#reading = undefined))
    return this.#reading
  }

  async #readOnce(now: number): Promise<ProviderMetadata> {
    const { entityId, signedBy, name } = this.#options
    try {
      const metadata = await readMetadata(await this.#options.read(), { entityId, signedBy, now })
      this.#current = { metadata, readAt: now }
      this.problem = undefined
      return metadata
    } catch (error) {
      this.problem = unreadable(name, error instanceof Error ? error.message : 'unknown', error)
      throw this.problem
    }
  }
}

/** The document at a URL: bounded in size and time, without redirects. Throws what went wrong. */
export async function fetchMetadata(url: string, get: typeof fetch): Promise<string> {
  const response = await get(url, { redirect: 'error', signal: AbortSignal.timeout(TIMEOUT_MS) })
  if (!response.ok) throw new Error(`the provider answers HTTP ${response.status}`)
  const decoder = new TextDecoder('utf-8', { fatal: true })
  let text = ''
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk, { stream: true })
    if (text.length > MAX_METADATA_LENGTH) throw new Error('the document is too long')
  }
  return text + decoder.decode()
}

const unreadable = (name: string, why: string, cause?: unknown): PamError =>
  new PamError('ISSUER_UNREACHABLE', `the metadata of the SAML provider ${name} cannot be used: ${visible(why)}`, {
    side: 'gateway',
    hint: 'try again in a moment; if this persists, contact your administrator',
    cause,
  })

const TIMEOUT_MS = 5000
/** Between attempts while there are none, and while there are some. */
const FIRST_RETRY_AFTER_MS = 1000
const RETRY_AFTER_MS = 30_000
