import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
import type { PamError } from '../../src/shared/errors.ts'
import { asProblem } from './client.ts'

export interface Loaded<T> {
  readonly data: T | undefined
  readonly error: PamError | undefined
  readonly loading: boolean
  readonly reload: () => void
}

/** Loads when mounted and when `key` changes; the previous data stays until the new arrives. */
export function useData<T>(key: string, load: () => Promise<T>): Loaded<T> {
  const [state, setState] = useState<{ key: string; data?: T; error?: PamError; loading: boolean }>({
    key,
    loading: true,
  })
  const turn = useRef(0)
  const current = useRef(load)
  current.current = load
  const run = useCallback(() => {
    const mine = ++turn.current
    setState((before) => ({ ...before, loading: true }))
    current.current().then(
      (data) => mine === turn.current && setState({ key, data, loading: false }),
      (error: unknown) =>
        mine === turn.current && setState((before) => ({ ...before, error: asProblem(error), loading: false })),
    )
  }, [key])
  useEffect(() => {
    run()
    return () => void turn.current++
  }, [run])
  const fits = state.key === key
  return { data: fits ? state.data : undefined, error: state.error, loading: state.loading || !fits, reload: run }
}

export interface Pages<T> extends Loaded<readonly T[]> {
  readonly more: (() => void) | undefined
  readonly change: (change: (items: readonly T[]) => readonly T[]) => void
}

/** A list that is loaded a page at a time. */
export function usePages<T>(
  key: string,
  load: (cursor: string | undefined) => Promise<{ items: readonly T[]; next?: string | number | undefined }>,
): Pages<T> {
  const [items, setItems] = useState<readonly T[]>()
  const [next, setNext] = useState<string>()
  const [error, setError] = useState<PamError>()
  const [loading, setLoading] = useState(true)
  const turn = useRef(0)
  const current = useRef(load)
  current.current = load
  const run = useCallback(
    (cursor: string | undefined) => {
      const mine = ++turn.current
      setLoading(true)
      current.current(cursor).then(
        (page) => {
          if (mine !== turn.current) return
          setItems((before) => (cursor === undefined ? page.items : [...(before ?? []), ...page.items]))
          setNext(page.next === undefined ? undefined : String(page.next))
          setError(undefined)
          setLoading(false)
        },
        (problem: unknown) => {
          if (mine !== turn.current) return
          setError(asProblem(problem))
          setLoading(false)
        },
      )
    },
    [key],
  )
  useEffect(() => {
    setItems(undefined)
    run(undefined)
    return () => void turn.current++
  }, [run])
  return {
    data: items,
    error,
    loading,
    reload: useCallback(() => run(undefined), [run]),
    more: next === undefined || loading ? undefined : () => run(next),
    change: (change) => setItems((before) => change(before ?? [])),
  }
}

/** The current time, updated at an interval. */
export function useNow(every = 1000): number {
  const [now, setNow] = useState(Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), every)
    return () => clearInterval(timer)
  }, [every])
  return now
}
