import { useEffect, useRef } from 'preact/hooks'
import type { ServerEvent } from '../../src/gateway-client/server-events.ts'
import { api, asProblem } from './client.ts'
import { createStore } from './store.ts'

/** What pages are told: one thing has changed, or (`resync`) so much that everything must be loaded again. */
export type LiveMessage = Extract<ServerEvent, { type: 'changed' }> | { readonly type: 'resync' }

export type LiveStatus = 'connecting' | 'live' | 'offline'
export const liveStatus = createStore<LiveStatus>('connecting')

const listeners = new Set<(message: LiveMessage) => void>()
let lastSeq: number | undefined

/** Subscribes while the component is mounted. */
export function useLive(listener: (message: LiveMessage) => void): void {
  const current = useRef(listener)
  current.current = listener
  useEffect(() => {
    const hear = (message: LiveMessage): void => current.current(message)
    listeners.add(hear)
    return () => void listeners.delete(hear)
  }, [])
}

/**
 * One stream for all tabs: a browser opens few connections to one host. The tab that holds the lock reads it and tells the
 * others; when it closes, the next goes on from the last event that it heard.
 */
export function startLive(signal: AbortSignal): void {
  const channel = typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('pam-events')
  signal.addEventListener('abort', () => channel?.close())
  channel?.addEventListener('message', ({ data }: MessageEvent<Shared>) => apply(data))
  const tell = (shared: Shared): void => {
    apply(shared)
    channel?.postMessage(shared)
  }
  const lead = (): Promise<void> => follow(tell, signal)
  if (navigator.locks === undefined) void lead()
  else {
    navigator.locks.request('pam-events', { signal }, lead).catch(() => {})
    // The tab that reads the stream reports its state.
    channel?.postMessage({ ask: true })
  }
}

interface Shared {
  readonly status?: LiveStatus
  readonly seq?: number
  readonly message?: LiveMessage
  readonly ask?: true
}

let answer: (() => void) | undefined

function apply({ status, seq, message, ask }: Shared): void {
  if (ask === true) answer?.()
  if (status !== undefined) liveStatus.set(status)
  if (seq !== undefined) lastSeq = seq
  if (message !== undefined) for (const listener of listeners) listener(message)
}

async function follow(tell: (shared: Shared) => void, signal: AbortSignal): Promise<void> {
  answer = () => tell({ status: liveStatus.value })
  let wait = FIRST_WAIT
  while (!signal.aborted) {
    try {
      for await (const event of api.events(lastSeq, signal)) {
        if (event.type === 'beat') continue
        wait = FIRST_WAIT
        if (event.type === 'ready') tell({ status: 'live', seq: event.seq })
        else if (event.type === 'resync') tell({ status: 'live', seq: event.seq, message: { type: 'resync' } })
        else if (event.type === 'changed') tell({ seq: event.seq, message: event })
      }
    } catch (error) {
      const { code } = asProblem(error)
      if (code === 'USAGE' && lastSeq !== undefined) {
        // The gateway was restored from a backup older than the last event: everything is loaded again.
        lastSeq = undefined
        continue
      }
      if (code === 'NOT_SIGNED_IN' || code === 'IDENTITY_LOST') return tell({ status: 'offline' })
    }
    if (signal.aborted) return
    tell({ status: 'offline' })
    await pause(wait * (0.75 + Math.random() / 2), signal)
    wait = Math.min(wait * 2, MAX_WAIT_MS)
  }
}

/** Resolves early when the browser reports that it is online again. */
function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      removeEventListener('online', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    addEventListener('online', done)
    signal.addEventListener('abort', done)
  })
}

const FIRST_WAIT = 500
const MAX_WAIT_MS = 15_000
