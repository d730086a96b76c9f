import { useEffect, useState } from 'preact/hooks'
import type { Session } from '../../../src/api/schemas/session.ts'
import type { PamError } from '../../../src/shared/errors.ts'
import { api, asProblem } from '../../lib/client.ts'
import { useLive } from '../../lib/live.ts'

export interface OpenSessions {
  readonly sessions: readonly Session[] | undefined
  /** There are more than are loaded. */
  readonly hasMore: boolean
  readonly error: PamError | undefined
  readonly reload: () => void
}

/**
 * The open sessions with what they do now, asked for again every few seconds while somebody looks: what commands do is not in the audit chain, which announces
 * everything else. What ended while the page was open stays in its place, so that nothing moves under the pointer, until the page is left.
 */
export function useOpenSessions(): OpenSessions {
  const [sessions, setSessions] = useState<readonly Session[]>()
  const [hasMore, setHasMore] = useState(false)
  const [error, setError] = useState<PamError>()
  const [turn, setTurn] = useState(0)
  const reload = (): void => setTurn((before) => before + 1)
  useEffect(() => {
    let isUnmounted = false
    const load = async (): Promise<void> => {
      const { items, next } = await api.sessions.list({ active: true, limit: MAX_SHOWN, commands: true })
      if (isUnmounted) return
      setSessions((before) => withEnded(before ?? [], items))
      setHasMore(next !== undefined)
      setError(undefined)
    }
    const look = (): void => {
      if (document.visibilityState === 'hidden') return
      load().catch((problem: unknown) => {
        if (!isUnmounted) setError(asProblem(problem))
      })
    }
    look()
    const timer = setInterval(look, EVERY_MS)
    document.addEventListener('visibilitychange', look)
    return () => {
      isUnmounted = true
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, [turn])
  useLive((message) => {
    if (message.type === 'resync') return reload()
    if (message.kind !== 'session') return
    void api.sessions.get(message.id).then(
      (session) =>
        setSessions((before = []) => {
          const known = before.find(({ id }) => id === session.id)
          if (known === undefined) return session.ended === undefined ? [...before, session] : before
          // The text of what runs is in the list only.
          return before.map((item) => (item === known ? { ...session, activity: known.activity } : item))
        }),
      () => {},
    )
  })
  return { sessions, hasMore, error, reload }
}

/** What the gateway lists now, and those that were open before and are not in its list. */
function withEnded(before: readonly Session[], now: readonly Session[]): readonly Session[] {
  const listed = new Set(now.map(({ id }) => id))
  return [...now, ...before.filter(({ id, ended }) => ended !== undefined && !listed.has(id))]
}

const MAX_SHOWN = 500
const EVERY_MS = 4000
