import type { Channel as SshChannel, TcpipBindInfo, TcpipRequestInfo } from 'ssh2'
import { PamError } from '../../../shared/errors.ts'
import { visible } from '../../../shared/visible.ts'
import type { Verdict } from '../../../gateway/engine.ts'
import { draftOf, type HostCommand } from './command-draft.ts'
import { forwardedEndpoint } from './forwarded-endpoint.ts'
import type { HostConnection } from './host-connection.ts'
import { hostStatement } from '../../../host/command/host-statement.ts'
import { forwardingResult, splice } from './splice.ts'
import { OPEN_FAILURE, openFailureOf, refuseOpening, type OpenFailure } from './ssh2-internals.ts'

/**
 * Forwarded connections (RFC 4254, section 7): refused, unless a rule names their kind. What passes is recorded by
 * endpoint and size, so a target that asks for full records has none.
 */
export function serveForwarding(host: HostConnection): void {
  const asking: Asking = { count: 0 }
  const bound: Bound = new Map()
  serveDirect(host, asking)
  serveListening(host, asking, bound)
  serveIncoming(host, bound)
}

/** What was asked for and is neither open nor refused yet: each may be held, and is then shown to people. */
interface Asking {
  count: number
}

/** The command that allowed it, by the endpoint that the target listens on. */
type Bound = Map<string, string>

/** Connections that the client opens through the target (`direct-tcpip`, section 7.2). */
function serveDirect(host: HostConnection, asking: Asking): void {
  const { client } = host
  client.on('tcpip', (accept, reject, request) => {
    let isAsking = true
    const answered = (): void => {
      if (isAsking) asking.count--
      isAsking = false
    }
    const refuse = (failure: OpenFailure): void => {
      answered()
      refuseOpening(client, reject, failure)
    }
    if (asking.count++ >= MAX_ASKING) return refuse(TOO_MANY)
    judge(host, 'forward-local', request.destIP, request.destPort).then(
      (verdict) => {
        if (verdict.type === 'refuse') return refuse(prohibited(verdict.error))
        safely(host, refuse, () => openDirect(host, request, { command: verdict.id, accept, answered, refuse }))
      },
      (error: unknown) => {
        host.failed(error)
        refuse(GONE)
      },
    )
  })
  client.on('openssh.streamlocal', (_accept, reject) =>
    refuseOpening(client, reject, {
      reason: OPEN_FAILURE.prohibited,
      text: 'pam: Unix sockets are not forwarded',
    }),
  )
}

/** An allowed connection, and how the client is answered. */
interface Opening {
  readonly command: string
  readonly accept: () => SshChannel | undefined
  readonly answered: () => void
  readonly refuse: (failure: OpenFailure) => void
}

function openDirect(
  host: HostConnection,
  { destIP, destPort, srcIP, srcPort }: TcpipRequestInfo,
  { command, accept, answered, refuse }: Opening,
): void {
  host.upstream.forwardOut(srcIP, srcPort, destIP, destPort, (error, target) => {
    if (error !== undefined) {
      host.guard(() => host.session.recorder.outcome(forwardingResult(command, 0, 0, 'refused by the target')))
      return refuse(openFailureOf(error))
    }
    answered()
    const source = accept()
    if (source === undefined) return target.close()
    splice(host, command, source, target)
  })
}

/** Ports that the target listens on for the client (`tcpip-forward` and `cancel-tcpip-forward`, section 7.1). */
function serveListening(host: HostConnection, asking: Asking, bound: Bound): void {
  host.client.on('request', (accept, reject, name: string, info) => {
    const reply: GlobalReply = {
      accept: (port) => accept?.(port),
      reject: () => reject?.(),
      // A global request is refused without a word (RFC 4254, section 4): the next program says why.
      refuse: (why) => {
        if (host.notices.length < MAX_NOTICES) host.notices.push(why)
        reject?.()
      },
    }
    if (name === 'tcpip-forward') listen(host, asking, bound, info, reply)
    else if (name === 'cancel-tcpip-forward') stopListening(host, bound, info, reply)
    else if (name.startsWith('streamlocal-forward')) reply.refuse('Unix sockets are not forwarded')
    else reply.reject()
  })
}

/** How a global request is answered, where an answer is wanted; `refuse` also says why. */
interface GlobalReply {
  readonly accept: (port?: number) => void
  readonly reject: () => void
  readonly refuse: (why: string) => void
}

function listen(
  host: HostConnection,
  asking: Asking,
  bound: Bound,
  { bindAddr, bindPort }: TcpipBindInfo,
  unasked: GlobalReply,
): void {
  if (asking.count >= MAX_ASKING) return unasked.refuse(TOO_MANY.text)
  const reply = counted(unasked, asking)
  const open = (command: string): void => {
    host.upstream.forwardIn(bindAddr, bindPort, (error, port) => {
      if (error !== undefined) return reply.refuse(`the target does not listen on ${endpointOf(bindAddr, bindPort)}`)
      bound.set(endpointOf(bindAddr, bindPort === 0 ? port : bindPort), command)
      reply.accept(bindPort === 0 ? port : undefined)
    })
  }
  judge(host, 'forward-remote', bindAddr, bindPort).then(
    (verdict) => {
      if (verdict.type === 'refuse') return reply.refuse(sentence(verdict.error))
      safely(
        host,
        () => reply.refuse(GONE.text),
        () => open(verdict.id),
      )
    },
    (error: unknown) => {
      host.failed(error)
      reply.reject()
    },
  )
}

/** A request that counts as asked until it is answered: a target that does not answer keeps what was asked of it. */
function counted({ accept, reject, refuse }: GlobalReply, asking: Asking): GlobalReply {
  asking.count++
  let isAsking = true
  const answered = (): void => {
    if (isAsking) asking.count--
    isAsking = false
  }
  return {
    accept(port) {
      answered()
      accept(port)
    },
    reject() {
      answered()
      reject()
    },
    refuse(why) {
      answered()
      refuse(why)
    },
  }
}

function stopListening(
  host: HostConnection,
  bound: Bound,
  { bindAddr, bindPort }: TcpipBindInfo,
  { accept, reject }: GlobalReply,
): void {
  if (!bound.delete(endpointOf(bindAddr, bindPort))) return reject()
  safely(host, reject, () => {
    host.upstream.unforwardIn(bindAddr, bindPort, (error) => (error === undefined ? accept() : reject()))
  })
}

/** Connections from the target (`forwarded-tcpip`, section 7.2): only to what was asked for, and allowed. */
function serveIncoming(host: HostConnection, bound: Bound): void {
  const { client, upstream, session } = host
  let incoming = 0
  upstream.on('tcp connection', ({ destIP, destPort, srcIP, srcPort }, accept, reject) => {
    const refuse = (failure: OpenFailure): void => refuseOpening(upstream, reject, failure)
    const command = bound.get(endpointOf(destIP, destPort))
    if (incoming >= MAX_ASKING) return refuse(TOO_MANY)
    if (command === undefined || session.ended.aborted)
      return refuse({ reason: OPEN_FAILURE.prohibited, text: 'pam: nobody listens there' })
    safely(host, refuse, () => {
      incoming++
      client.forwardOut(destIP, destPort, srcIP, srcPort, (error, source) => {
        incoming--
        if (error !== undefined) return refuse(openFailureOf(error))
        splice(host, command, source, accept())
      })
    })
  })
}

/** Does something with one side's connection: the library throws where that side has gone meanwhile. */
function safely(host: HostConnection, refuse: (failure: OpenFailure) => void, work: () => void): void {
  try {
    work()
  } catch (error) {
    host.failed(error)
    refuse(GONE)
  }
}

const GONE: OpenFailure = { reason: OPEN_FAILURE.connectFailed, text: 'pam: the connection has ended' }
/** Connections and ports of one client that wait to be opened; what it is told where there are more. */
const MAX_ASKING = 200
const TOO_MANY: OpenFailure = {
  reason: OPEN_FAILURE.resourceShortage,
  text: `pam: ${MAX_ASKING} forwarded connections are being opened already`,
}
/** Refusals that wait for a program to say them. */
const MAX_NOTICES = 20

const sentence = ({ message, hint }: PamError): string => (hint === undefined ? message : `${message}; ${hint}`)

const prohibited = (error: PamError): OpenFailure => ({
  reason: OPEN_FAILURE.prohibited,
  text: visible(`pam: ${sentence(error)}`),
})

async function judge(
  host: HostConnection,
  kind: 'forward-local' | 'forward-remote',
  address: string,
  port: number,
): Promise<Verdict> {
  const { session } = host
  const { user } = session.lease
  const { endpoint, unknown } = forwardedEndpoint(address, port, kind === 'forward-remote')
  const command: HostCommand = {
    text: `${kind} ${endpointOf(address, port)}`,
    facts: {
      type: 'forward',
      statements: [hostStatement(user, { kinds: [kind], endpoints: [endpoint], unknown, named: true })],
    },
    context: {},
    refusal: session.config.fullRecord
      ? new PamError(
          'COMMAND_REFUSED',
          `connections cannot be forwarded on ${session.target.name}: it requires full records`,
        )
      : undefined,
  }
  const decision = session.decide(draftOf(command, session))
  return decision.type === 'hold' ? decision.verdict : decision
}

const endpointOf = (address: string, port: number): string => `${address}:${port}`
