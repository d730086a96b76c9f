import { useEffect, useState } from 'preact/hooks'

/** A value that pages share and subscribe to. */
export interface Store<T> {
  readonly value: T
  set(value: T): void
  listen(listener: () => void): () => void
}

export function createStore<T>(initial: T): Store<T> {
  let value = initial
  const listeners = new Set<() => void>()
  return {
    get value() {
      return value
    },
    set(next) {
      if (next === value) return
      value = next
      for (const listener of listeners) listener()
    },
    listen(listener) {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
  }
}

export function useStore<T>(store: Store<T>): T {
  const [value, setValue] = useState(store.value)
  useEffect(() => {
    const update = (): void => setValue(() => store.value)
    update()
    return store.listen(update)
  }, [store])
  return value
}
