import { PassThrough } from 'node:stream'
import type { FastifyPluginAsyncZod } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { PamError, UsageError } from '../../shared/errors.ts'
import type { ApiDeps } from '../deps.ts'
import type { LiveEvent } from '../live-events.ts'
import { whileProven } from '../proven-login.ts'

/** What changes, as it changes: server-sent events (HTML Living Standard, section 9.2), resumed by their ids. */
export const eventRoutes: FastifyPluginAsyncZod<ApiDeps> = async (app, deps) => {
  const streams = new Map<string, number>()

  const query = z.object({ after: z.coerce.number().int().min(0).optional() })
  app.get('/v1/events', { schema: { querystring: query } }, async (request, reply) => {
    const login = request.login()
    const open = streams.get(login.id) ?? 0
    if (open >= MAX_STREAMS)
      throw new PamError('RATE_LIMITED', `${MAX_STREAMS} event streams of this sign-in are open already`, {
        hint: 'close one of them, such as another "pamctl reviews --watch"',
      })
    const header = request.headers['last-event-id']
    if (header !== undefined && (typeof header !== 'string' || !/^\d{1,15}$/.test(header)))
      throw new UsageError('Last-Event-ID: expected the id of an event, which is a number')
    const last = header === undefined ? request.query.after : Number(header)
    streams.set(login.id, open + 1)
    const out = new PassThrough({ highWaterMark: MAX_BEHIND_BYTES })
    const write = (text: string): void => {
      out.write(text)
      // Who reads too slowly is let go: it comes back and is told what it missed.
      if (out.writableLength > MAX_BEHIND_BYTES) out.destroy()
    }
    const send = ({ seq, ...event }: LiveEvent): void =>
      write(`id: ${seq}\nevent: changed\ndata: ${JSON.stringify(event)}\n\n`)
    let stop = (): void => {}
    const beat = setInterval(() => write(':\n\n'), HEARTBEAT_MS)
    // Other groups may hear of other things: the next stream begins with them.
    const groups = login.person.groups.join('\n')
    whileProven(out, login, deps, {
      may: ({ person }) => person.groups.join('\n') === groups,
      stop: () => void out.end(),
    })
    out.on('close', () => {
      clearInterval(beat)
      stop()
      const left = (streams.get(login.id) ?? 1) - 1
      if (left > 0) streams.set(login.id, left)
      else streams.delete(login.id)
    })
    const listening = await deps.events
      .listen(login, last, send, () => out.end())
      .catch((error: unknown) => {
        out.destroy()
        throw error
      })
    stop = listening.stop
    if (out.destroyed) stop()
    listening.past.forEach(send)
    // Where it is now: whoever loses this stream before anything happens resumes from here.
    write(`id: ${listening.seq}\nevent: ${listening.tooMuch ? 'resync' : 'ready'}\ndata: {}\n\nretry: 2000\n\n`)
    listening.start()
    return reply.type('text/event-stream').header('x-accel-buffering', 'no').send(out)
  })
}

/** Browsers share one stream between their tabs; this leaves room for several machines. */
const MAX_STREAMS = 20
const MAX_BEHIND_BYTES = 256 * 1024
/** Milliseconds. */
const HEARTBEAT_MS = 10_000
