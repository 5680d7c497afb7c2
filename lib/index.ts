export type { RecohereConfig } from '../functions/contract/config.ts';
export { ConfigError } from './config-error.ts';
export { RecohereData, type RecohereDataProps } from './data.ts';
export { RecohereHub, type RecohereHubProps } from './hub.ts';
export { RecohereMonitoring, type RecohereMonitoringProps } from './monitoring.ts';
export { Recohere, type RecohereProps } from './recohere.ts';
export { RecohereRegion, type RecohereRegionProps } from './region.ts';
export { writeRegionTemplate } from './region-template.ts';
export type { AlarmNotification, Topics } from './topics.ts';
