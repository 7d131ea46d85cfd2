// One good body for each operation that takes one, so that a refusal is about who asks and not about what is sent.
import { randomUUID } from 'node:crypto'
import type { Person } from './people.ts'

const policy_yaml = 'version: 1\ndefault: deny\nrules: []\n'
const event = () => ({
  event_id: randomUUID(),
  type: 'api_call',
  tool: 'files/read',
  timestamp: new Date().toISOString(),
})

/** By operation id; of the person who sends it. */
export const sampleBodies: Record<string, (person: Person) => object> = {
  registerUser: () => ({
    email: `new-${randomUUID()}@example.com`,
    password: 'orange-kettle-walks-28',
    first_name: 'New',
    last_name: 'Person',
  }),
  createSession: ({ email, password }) => ({ email, password }),
  refreshSession: () => ({ refresh_token: 'not-one' }),
  requestOtp: ({ email }) => ({ email, purpose: 'reset_password' }),
  verifyOtp: ({ email }) => ({ email, purpose: 'verify_email', code: '000000' }),
  resetPassword: () => ({ reset_token: 'not-one', new_password: 'orange-kettle-walks-29' }),
  updateMe: () => ({ first_name: 'Other' }),
  deleteMe: ({ password }) => ({ password }),
  changePassword: ({ password }) => ({
    current_password: password,
    new_password: 'orange-kettle-walks-30',
  }),
  changeEmail: ({ password }) => ({ email: `moved-${randomUUID()}@example.com`, password }),
  enrolTotp: ({ password }) => ({ password }),
  removeTotp: ({ password }) => ({ password, otp: '000000' }),
  renewRecoveryCodes: ({ password }) => ({ password, otp: '000000' }),
  setNotifications: () => ({}),
  acceptTool: () => ({}),
  updateOrganization: () => ({ name: 'Taken over' }),
  joinOrganization: () => ({ invitation_token: 'not-one' }),
  updateMember: () => ({ role: 'editor' }),
  createInvitation: () => ({ email: `friend-${randomUUID()}@example.com`, role: 'viewer' }),
  createProject: () => ({ name: `Project ${randomUUID()}` }),
  updateProject: () => ({ name: 'Taken over' }),
  savePolicy: () => ({ policy_yaml }),
  validatePolicy: () => ({ policy_yaml }),
  simulatePolicy: () => ({ policy_yaml, days: 7 }),
  rollbackPolicy: () => ({ version: 1 }),
  saveOrganizationPolicy: () => ({ policy_yaml: 'version: 1\nrules: []\n' }),
  createKey: () => ({ name: 'Taken over' }),
  updateKey: () => ({ name: 'Taken over' }),
  createUpstream: () => ({ slug: 'taken-over', transport: 'http', url: 'http://127.0.0.1:1/' }),
  updateUpstream: () => ({ url: 'http://127.0.0.1:1/taken-over' }),
  approveCall: () => ({ note: 'Taken over' }),
  refuseCall: () => ({ note: 'Taken over' }),
  createConnection: () => ({ name: 'taken-over', kind: 'sqlite', path: '/nonexistent/a.db' }),
  updateConnection: () => ({ path: '/nonexistent/b.db' }),
  subscribe: () => ({ plan: 'pro', period: 'monthly' }),
  createSiemCredential: () => ({ name: 'Taken over' }),
  createSiemForwarder: () => ({
    name: 'Taken over',
    destination: { kind: 'webhook', url: 'https://127.0.0.1:1/taken-over' },
  }),
  updateSiemForwarder: () => ({ name: 'Taken over' }),
  evaluateCall: () => ({ tool: 'files/read', arguments: {} }),
  reportEvents: event,
  draftPolicy: () => ({ project_id: randomUUID(), prompt: 'Deny all writes', source: 'template' }),
  analyze: () => ({ project_id: randomUUID(), source: 'template' }),
  advise: () => ({ project_id: randomUUID(), question: 'How do I protect files?', source: 'template' }),
}
