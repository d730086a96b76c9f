import type { ComponentChildren } from 'preact'
import { createStore, useStore } from '../lib/store.ts'

const place = createStore(location.pathname + location.search)
addEventListener('popstate', () => place.set(location.pathname + location.search))

export function navigate(to: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, '', to)
  else history.pushState(null, '', to)
  place.set(location.pathname + location.search)
  if (!replace) scrollTo(0, 0)
}

/** The current path and its query. */
export function usePlace(): { readonly path: string; readonly query: URLSearchParams } {
  const [path = '/', search = ''] = useStore(place).split('?')
  return { path, query: new URLSearchParams(search) }
}

export function Link({
  to,
  children,
  ...rest
}: {
  to: string
  children: ComponentChildren
  class?: string
  title?: string
  'aria-current'?: 'page' | undefined
}) {
  const go = (event: MouseEvent): void => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return
    event.preventDefault()
    navigate(to)
  }
  return (
    <a href={to} onClick={go} {...rest}>
      {children}
    </a>
  )
}

/** Puts the filters of a page into its URL, so that it can be shared and the back button works. */
export function setQuery(values: Readonly<Record<string, string>>): void {
  const query = new URLSearchParams(Object.entries(values).filter(([, value]) => value !== ''))
  const text = query.toString()
  navigate(text === '' ? location.pathname : `${location.pathname}?${text}`, { replace: true })
}
