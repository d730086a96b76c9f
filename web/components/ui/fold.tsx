import type { ComponentChildren } from 'preact'
import { useState } from 'preact/hooks'
import { NARROW, useMedia } from '../../lib/media.ts'

/** Filters of a list: in view where there is room; on a phone folded, so that the list begins on the first screen, unless one is in use. */
export function Fold({ label, inUse, children }: { label: string; inUse: boolean; children: ComponentChildren }) {
  const isNarrow = useMedia(NARROW)
  const [isOpen, setOpen] = useState(inUse)
  if (!isNarrow) return <>{children}</>
  return (
    <details class="filter" open={isOpen} onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
      <summary>{label}</summary>
      {children}
    </details>
  )
}
