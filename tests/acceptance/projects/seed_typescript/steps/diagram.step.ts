import { NoopConfig } from 'motia';

export const config: NoopConfig = {
  name: 'Diagram',
  type: 'noop',
  description: 'Drawn, never run',
  virtualEmits: ['drawn'],
  virtualSubscribes: ['message.processed'],
  flows: ['messaging'],
};
