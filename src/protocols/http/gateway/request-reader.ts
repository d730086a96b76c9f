import type { Session } from '../../../gateway/engine.ts'
import { PamError } from '../../../shared/errors.ts'
import { isGrpcCall } from '../grpc/call.ts'
import { descriptionOf } from '../openapi/target-description.ts'
import { GRPC_HEADERS, passedTrailers } from '../request/read-headers.ts'
import type { Exchange, RequestHead } from '../server/exchange.ts'
import type { HttpTarget } from '../target.ts'
import { withoutHandshake } from '../websocket/handshake.ts'
import type { Headers } from '../wire/headers.ts'
import { draftOf } from './command-draft.ts'
import { unlessMasked } from './held-messages.ts'
import { unlessGuessed } from './preconditions.ts'
import { keyOf, KnownRequests, type ReadRequest } from './known-requests.ts'
import { readCommand, type HttpCommand } from './read-command.ts'
import type { WayIn } from './way-in.ts'
import { withHandshake } from './with-handshake.ts'

export interface RequestReaderParts {
  readonly session: Session<HttpTarget>
  readonly way: WayIn
  /** Where relative paths of the configuration start. */
  readonly baseDirectory: string
}

/** What a client has asked for, without what belongs to its connection. */
interface AskedRequest {
  readonly request: RequestHead
  readonly upgrade: string | undefined
  /** Behind a body that is read before the decision. */
  readonly trailers: Headers | PamError
}

/** Reads the requests of one connection as commands of its session. */
export class RequestReader {
  readonly #parts: RequestReaderParts
  readonly #known = new KnownRequests()

  constructor(parts: RequestReaderParts) {
    this.#parts = parts
  }

  /** `bytes`: the body, undefined where it is not read before the decision. What is a head alone, and came before, is not read again. */
  read(exchange: Exchange, bytes: Buffer | undefined): ReadRequest {
    const { request, upgrade } = exchange
    const asked = { request, upgrade, trailers: bytes === undefined ? [] : exchange.trailers }
    if (bytes?.length !== 0 || upgrade !== undefined || !isEmpty(asked.trailers)) return this.#draft(asked, bytes)
    const [key, config] = [keyOf(request), this.#parts.session.configNow()]
    const known = this.#known.find(key, config)
    if (known !== undefined) return known
    const read = this.#draft(asked, bytes)
    this.#known.keep(key, config, read)
    return read
  }

  #draft(asked: AskedRequest, bytes: Buffer | undefined): ReadRequest {
    const read = (): HttpCommand => this.#command(asked, bytes)
    const command = read()
    return { command, draft: draftOf(command, this.#parts.session, read) }
  }

  /** By the target's configuration of now: a reload changes it together with the rules. */
  #command({ request, upgrade, trailers: late }: AskedRequest, bytes: Buffer | undefined): HttpCommand {
    const { session, way, baseDirectory } = this.#parts
    const { headers: ownNames } = session.config
    const isCall = isGrpcCall(request)
    const passed = way.requestHeaders(
      upgrade === undefined ? request.headers : withoutHandshake(request.headers),
      isCall ? [...GRPC_HEADERS, ...ownNames] : ownNames,
    )
    const trailers = bytes === undefined ? [] : passedTrailers(late, isCall ? [] : ownNames)
    const configNow = session.configNow()
    const description = descriptionOf(configNow, baseDirectory)
    const { encodedSlashes, maxBody } = configNow
    const command = readCommand(request, upgrade, bytes, { passed, trailers, description, encodedSlashes, maxBody })
    return isCall ? unlessMasked(command, session) : withHandshake(unlessGuessed(command, session))
  }
}

const isEmpty = (trailers: Headers | PamError): boolean => !(trailers instanceof PamError) && trailers.length === 0
