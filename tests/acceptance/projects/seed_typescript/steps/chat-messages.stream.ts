import { StreamConfig } from 'motia';

export const config: StreamConfig = {
  name: 'chatMessages',
  schema: { type: 'object', properties: { text: { type: 'string' } } },
  baseConfig: { storageType: 'default' },
};
