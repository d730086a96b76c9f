import { readFileSync } from 'node:fs'
import { PamError } from '../shared/errors.ts'
import { visible } from '../shared/visible.ts'
import { writePrivately } from './secret-store.ts'

/** The client of an identity provider that a gateway signs people in with. */
export interface SignInClient {
  readonly issuer: string
  readonly clientId: string
}

/**
 * Which client each gateway has signed this user in with, kept after signing out, as `known_hosts` is. An identity token names its
 * client but no gateway: a gateway that announces the client of another one would receive tokens that are valid there.
 */
export class KnownClients {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  /** Refuses a client that another gateway is known to use, unless this one was allowed to share it. `stored`: of logins not noted here. */
  check(gateway: string, client: SignInClient, stored: readonly (readonly [string, SignInClient])[]): void {
    const known = this.#read()
    if (known[gateway]?.some(isSame(client)) === true) return
    const others = [...Object.entries(known), ...stored.map(([name, one]) => [name, [one]] as const)]
    const other = others.find(([name, clients]) => name !== gateway && clients?.some(isSame(client)) === true)?.[0]
    if (other === undefined) return
    throw new PamError(
      'CLIENT_SHARED',
      `${gateway} signs people in with the client "${visible(client.clientId)}" of ${visible(client.issuer)}, which is the client of ${other}`,
      {
        hint:
          `a sign-in there could be passed on to ${other} in your name: ask for a client id of its own for each gateway; ` +
          'if both are gateways of your organisation, or this one has moved, sign in with --allow-shared-client',
      },
    )
  }

  add(gateway: string, client: SignInClient): void {
    const known = this.#read()
    const { [gateway]: clients = [], ...others } = known
    const isKnown = clients.some(isSame(client))
    if (isKnown && this.last() === gateway) return
    writePrivately(this.#file, JSON.stringify({ ...others, [gateway]: isKnown ? clients : [...clients, client] }))
  }

  /** The gateway of the latest sign-in, also where it has ended; undefined where there was none, or the file cannot be read. */
  last(): string | undefined {
    try {
      return Object.keys(this.#read()).at(-1)
    } catch {
      return undefined
    }
  }

  #read(): Readonly<Record<string, readonly SignInClient[] | undefined>> {
    let text: string
    try {
      text = readFileSync(this.#file, 'utf8')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return {}
      throw this.#unreadable(error)
    }
    try {
      const known = JSON.parse(text) as Record<string, readonly SignInClient[]>
      if (Object.values(known).every((clients) => Array.isArray(clients))) return known
    } catch (error) {
      throw this.#unreadable(error)
    }
    throw this.#unreadable(undefined)
  }

  /** A damaged file is not treated as empty, which would forget every gateway. */
  #unreadable(cause: unknown): PamError {
    return new PamError('SECRET_STORE', `${this.#file} cannot be read, or does not list the clients of gateways`, {
      hint: 'restore the file, or remove it: each gateway is then noted again at its next sign-in',
      cause,
    })
  }
}

/** Compared exactly: a provider's metadata must name the issuer as announced, so there is no second spelling. */
const isSame =
  ({ issuer, clientId }: SignInClient) =>
  (other: SignInClient): boolean =>
    other.issuer === issuer && other.clientId === clientId
