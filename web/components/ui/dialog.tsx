import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { PamError } from '../../../src/shared/errors.ts'
import { asProblem } from '../../lib/client.ts'
import { Problem } from './parts.tsx'
import { Text } from './text.tsx'

/** The one confirmation of an action that cannot be undone, over the page: for rows that have no room for a form of their own. */
export function Confirm({
  title,
  confirm,
  disabled = false,
  children,
  act,
  close,
}: {
  title: string
  /** The label of the button that acts. */
  confirm: string
  /** Something that it needs is missing. */
  disabled?: boolean
  children?: ComponentChildren
  act: () => Promise<unknown>
  close: () => void
}) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [busy, setBusy] = useState(false)
  const [error, setError] = useState<PamError>()
  useEffect(() => {
    const opener = document.activeElement
    dialog.current?.showModal()
    // Whoever leaves the page has closed the dialog with it.
    return () => {
      if (opener instanceof HTMLElement && opener.isConnected) opener.focus()
    }
  }, [])
  const send = (event: Event): void => {
    event.preventDefault()
    if (busy || disabled) return
    setBusy(true)
    act().then(close, (problem: unknown) => {
      setBusy(false)
      setError(asProblem(problem))
    })
  }
  return (
    <dialog ref={dialog} aria-label={title} onClose={close}>
      <form class="stack" onSubmit={send}>
        <h2>
          <Text>{title}</Text>
        </h2>
        {children}
        {error !== undefined && <Problem error={error} />}
        <div class="row actions">
          <button type="submit" class="danger" disabled={busy || disabled}>
            {confirm}
          </button>
          <button type="button" onClick={close}>
            Cancel
          </button>
        </div>
      </form>
    </dialog>
  )
}
