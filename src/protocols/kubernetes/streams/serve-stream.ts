import { randomBytes } from 'node:crypto'
import type { Duplex, Readable } from 'node:stream'
import type { Session, Verdict } from '../../../gateway/engine.ts'
import { PamError } from '../../../shared/errors.ts'
import { duplexLink, type Link } from '../../http/upgrade/link.ts'
import { webSocketLink } from '../../http/upgrade/websocket-link.ts'
import type { Header, Headers } from '../../http/wire/headers.ts'
import type { ApiRequest } from '../request/api-request.ts'
import type { ChannelConnection } from './channel-connection.ts'
import { channelsOf, isSet } from './channels-of.ts'
import { relayExec } from './exec-relay.ts'
import { relayPortForward } from './port-forward.ts'
import { spdyChannels } from './spdy-channels.ts'
import {
  agreedTransport,
  switchingHeaders,
  transportHeaders,
  type AgreedTransport,
  type Transport,
} from './transport.ts'
import { webSocketChannels } from './websocket-channels.ts'

/** An answer to a request for another protocol. */
export type UpgradeAnswer =
  | { readonly status: 101; readonly headers: Headers; readonly stream: Duplex }
  | { readonly status: number; readonly headers: Headers; readonly body: Readable }

export interface StreamParts {
  readonly session: Pick<Session, 'masking' | 'hashKeys' | 'recorder'>
  readonly request: ApiRequest
  /** What `readTransport` has read of the request. */
  readonly transport: Transport
  readonly decision: string
  /** The output of the command is an archive. */
  readonly archives: boolean
  /** What the stream is called in the record. */
  readonly name: string
  /** Bytes of output that are kept where there is no terminal. */
  readonly keep: number
  /** Sends the request upstream with these headers beside those that say who asks. */
  readonly upgrade: (headers: readonly Header[], protocol: string) => Promise<UpgradeAnswer>
  /** Answers the client with status 101. */
  readonly switchProtocols: (headers: Headers) => Duplex
  /** Of port-forward: whether a connection to a port is allowed. */
  readonly decidePort: (port: number, left: AbortSignal) => Promise<Verdict>
  /** Aborts when the session must end. */
  readonly ended: AbortSignal
}

/**
 * Serves an allowed exec, attach or port-forward to its end. Where the API server does not want to, its answer is returned, which is the
 * client's.
 */
export async function serveStream(parts: StreamParts): Promise<Exclude<UpgradeAnswer, { status: 101 }> | undefined> {
  const { transport, request, session, decision, archives, name, keep, ended } = parts
  const ownKey = randomBytes(16).toString('base64')
  const answer = await parts.upgrade(transportHeaders(transport, ownKey), transport.protocol)
  if (!('stream' in answer)) return answer
  const agreed = agreedTransport(transport, ownKey, answer.headers)
  if (agreed === undefined || ended.aborted) {
    answer.stream.destroy()
    if (ended.aborted) return undefined
    throw new PamError('PROTOCOL_VIOLATION', 'the target chose a subprotocol that was not requested', {
      side: 'upstream',
    })
  }
  const target = duplexLink(answer.stream)
  const client = duplexLink(parts.switchProtocols(switchingHeaders(transport, agreed)))
  if (request.subresource === 'portforward')
    await relayPortForward({
      session,
      client: tunnelled(client, agreed, 'client'),
      target: tunnelled(target, agreed, 'server'),
      decide: parts.decidePort,
      ended,
    })
  else
    await relayExec({
      session,
      decision,
      name,
      keep,
      channels: channelsOf(request),
      terminal: isSet(request, 'tty'),
      archives,
      client: channels(client, agreed, 'client'),
      target: channels(target, agreed, 'server'),
      ended,
    })
  return undefined
}

type Peer = 'client' | 'server'

function channels(link: Link, { protocol, subprotocol }: AgreedTransport, peer: Peer): ChannelConnection {
  if (protocol === 'SPDY/3.1') return spdyChannels(link, peer)
  return webSocketChannels(webSocketLink(link, { peer, maxBytes: MAX_MESSAGE }), subprotocol.startsWith('v5') ? 5 : 4)
}

/** In a WebSocket the frames of SPDY are in messages, wherever those begin and end. */
const tunnelled = (link: Link, { protocol }: AgreedTransport, peer: Peer): Link =>
  protocol === 'websocket' ? webSocketLink(link, { peer, maxBytes: MAX_MESSAGE }) : link

/** Clients and servers write pieces of some 32 KiB. */
const MAX_MESSAGE = 1024 * 1024
