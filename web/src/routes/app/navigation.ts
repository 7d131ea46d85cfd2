// Where one can go in the app: one list for the sidebar and the palette.
import Activity from '@lucide/svelte/icons/activity'
import ChartColumn from '@lucide/svelte/icons/chart-column'
import CreditCard from '@lucide/svelte/icons/credit-card'
import FolderKanban from '@lucide/svelte/icons/folder-kanban'
import Gauge from '@lucide/svelte/icons/gauge'
import Hand from '@lucide/svelte/icons/hand'
import KeyRound from '@lucide/svelte/icons/key-round'
import Plug from '@lucide/svelte/icons/plug'
import ScrollText from '@lucide/svelte/icons/scroll-text'
import Server from '@lucide/svelte/icons/server'
import Sparkles from '@lucide/svelte/icons/sparkles'
import Settings from '@lucide/svelte/icons/settings'
import SlidersHorizontal from '@lucide/svelte/icons/sliders-horizontal'
import UserRound from '@lucide/svelte/icons/user-round'

export type Place = { label: string; href: string; icon: typeof Activity }

export function projectPlaces(projectId: string): Place[] {
  const at = (path: string) => `/app/projects/${projectId}${path}`
  return [
    { label: 'Overview', href: at(''), icon: Gauge },
    { label: 'Connect', href: at('/connect'), icon: Plug },
    { label: 'Servers', href: at('/servers'), icon: Server },
    { label: 'Policy', href: at('/policy'), icon: ScrollText },
    { label: 'Assistant', href: at('/assistant'), icon: Sparkles },
    { label: 'Approvals', href: at('/approvals'), icon: Hand },
    { label: 'Keys', href: at('/keys'), icon: KeyRound },
    { label: 'Settings', href: at('/settings'), icon: SlidersHorizontal },
  ]
}

export const ORGANIZATION_PLACES: Place[] = [
  { label: 'Projects', href: '/app/projects', icon: FolderKanban },
  { label: 'Audits', href: '/app/audits', icon: Activity },
  { label: 'Usage', href: '/app/usage', icon: ChartColumn },
  { label: 'Billing', href: '/app/billing', icon: CreditCard },
]

export const PERSON_PLACES: Place[] = [
  { label: 'Profile', href: '/app/profile', icon: UserRound },
  { label: 'Settings', href: '/app/settings', icon: Settings },
]
