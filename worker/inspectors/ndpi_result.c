/* SPDX-License-Identifier: BSD-2-Clause */
#include "worker/inspectors/ndpi_result.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "worker/records/eve.h"

#define NAME_BYTES 64u /* of a protocol and what it is used for, as ndpiReader has them */

/* ---- taking ---------------------------------------------------------------------------------- */

static bool has_protocol(const ndpi_protocol *protocol, unsigned id) {
    return protocol->master_protocol == id || protocol->app_protocol == id;
}

/* Whether the library's union holds what it knows of TLS; of QUIC too. */
static bool has_tls(const ndpi_protocol *protocol) {
    static const uint16_t ids[] = {NDPI_PROTOCOL_TLS,        NDPI_PROTOCOL_DTLS,
                                   NDPI_PROTOCOL_QUIC,       NDPI_PROTOCOL_MAIL_SMTPS,
                                   NDPI_PROTOCOL_MAIL_IMAPS, NDPI_PROTOCOL_MAIL_POPS};
    for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
        if (has_protocol(protocol, ids[i]))
            return true;
    }
    return false;
}

/* A text of the library, which has no 0 where it fills its array. */
struct span {
    const char *text;
    size_t length;
};

#define SPAN_OF(array) ((struct span){(array), strnlen((array), sizeof(array))})

int ndpi_result_take(struct ndpi_result *result, const struct ndpi_flow_struct *flow,
                     ndpi_protocol protocol) {
    struct span spans[3] = {SPAN_OF(flow->host_server_name), {"", 0}, {"", 0}};
    *result = (struct ndpi_result){
        .risk = flow->risk, .protocol = protocol, .confidence = (uint8_t)flow->confidence};
    if (has_tls(&protocol)) {
        spans[1] = SPAN_OF(flow->protos.tls_quic.ja3_client);
        spans[2] = SPAN_OF(flow->protos.tls_quic.ja3_server);
        result->tls_version = flow->protos.tls_quic.ssl_version;
    }
    size_t bytes = spans[0].length + spans[1].length + spans[2].length;
    if (bytes == 0)
        return 0;
    char *to = result->texts = malloc(bytes + 3);
    if (to == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < 3; i++) {
        memcpy(to, spans[i].text, spans[i].length);
        to += spans[i].length;
        *to++ = '\0';
    }
    return 0;
}

void ndpi_result_free(struct ndpi_result *result) {
    free(result->texts);
    result->texts = NULL;
}

/* ---- what it says ---------------------------------------------------------------------------- */

static bool is_known(const struct ndpi_result *result) {
    return result->protocol.app_protocol != NDPI_PROTOCOL_UNKNOWN ||
           result->protocol.master_protocol != NDPI_PROTOCOL_UNKNOWN;
}

bool ndpi_result_is_detected(const struct ndpi_result *result) {
    return is_known(result) && result->confidence >= NDPI_CONFIDENCE_DPI_CACHE;
}

bool ndpi_result_is_guessed(const struct ndpi_result *result) {
    return is_known(result) && !ndpi_result_is_detected(result);
}

/* Names of Suricata 8, of protocols that both know. */
static const char *const app_protos[] = {
    [NDPI_PROTOCOL_FTP_CONTROL] = "ftp",
    [NDPI_PROTOCOL_MAIL_POP] = "pop3",
    [NDPI_PROTOCOL_MAIL_SMTP] = "smtp",
    [NDPI_PROTOCOL_MAIL_IMAP] = "imap",
    [NDPI_PROTOCOL_DNS] = "dns",
    [NDPI_PROTOCOL_HTTP] = "http",
    [NDPI_PROTOCOL_MDNS] = "mdns",
    [NDPI_PROTOCOL_NTP] = "ntp",
    [NDPI_PROTOCOL_NFS] = "nfs",
    [NDPI_PROTOCOL_SNMP] = "snmp",
    [NDPI_PROTOCOL_SMBV1] = "smb",
    [NDPI_PROTOCOL_DHCP] = "dhcp",
    [NDPI_PROTOCOL_POSTGRES] = "pgsql",
    [NDPI_PROTOCOL_MAIL_POPS] = "tls",
    [NDPI_PROTOCOL_MAIL_SMTPS] = "tls",
    [NDPI_PROTOCOL_SMBV23] = "smb",
    [NDPI_PROTOCOL_MODBUS] = "modbus",
    [NDPI_PROTOCOL_MAIL_IMAPS] = "tls",
    [NDPI_PROTOCOL_IRC] = "irc",
    [NDPI_PROTOCOL_JABBER] = "jabber",
    [NDPI_PROTOCOL_TELNET] = "telnet",
    [NDPI_PROTOCOL_RDP] = "rdp",
    [NDPI_PROTOCOL_VNC] = "rfb",
    [NDPI_PROTOCOL_TLS] = "tls",
    [NDPI_PROTOCOL_SSH] = "ssh",
    [NDPI_PROTOCOL_TFTP] = "tftp",
    [NDPI_PROTOCOL_SIP] = "sip",
    [NDPI_PROTOCOL_KERBEROS] = "krb5",
    [NDPI_PROTOCOL_LDAP] = "ldap",
    [NDPI_PROTOCOL_DCERPC] = "dcerpc",
    [NDPI_PROTOCOL_HTTP_CONNECT] = "http",
    [NDPI_PROTOCOL_HTTP_PROXY] = "http",
    [NDPI_PROTOCOL_FTP_DATA] = "ftp-data",
    [NDPI_PROTOCOL_QUIC] = "quic",
    [NDPI_PROTOCOL_MQTT] = "mqtt",
    [NDPI_PROTOCOL_DNP3] = "dnp3",
    [NDPI_PROTOCOL_WEBSOCKET] = "websocket",
    [NDPI_PROTOCOL_ETHERNET_IP] = "enip",
};

static const char *name_of(unsigned id) {
    return id < sizeof app_protos / sizeof *app_protos ? app_protos[id] : NULL;
}

const char *ndpi_result_app_proto(const struct ndpi_result *result, bool has_payload) {
    const char *name = NULL;
    if (ndpi_result_is_detected(result)) {
        name = name_of(result->protocol.master_protocol);
        if (name == NULL)
            name = name_of(result->protocol.app_protocol);
    }
    return name != NULL ? name : has_payload ? "failed" : NULL;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static json_t *text_json(const char *text) {
    return eve_text(text, strlen(text));
}

/* Sets a member, unless the text is empty. Returns 0, or -1: no memory. */
static int put_text(json_t *object, const char *name, const char *text) {
    return *text == '\0' ? 0 : json_object_set_new(object, name, text_json(text));
}

static json_t *one_risk_json(unsigned risk) {
    uint16_t client, server;
    unsigned total = ndpi_risk2score((ndpi_risk)1 << risk, &client, &server);
    const ndpi_risk_info *info = ndpi_risk2severity((ndpi_risk_enum)risk);
    return json_pack("{s:s, s:s, s:{s:i, s:i, s:i}}", "risk", ndpi_risk2str((ndpi_risk_enum)risk),
                     "severity", ndpi_severity2str(info->severity), "risk_score", "total",
                     (int)total, "client", (int)client, "server", (int)server);
}

static int put_risks(json_t *object, ndpi_risk risks) {
    if (risks == 0)
        return 0;
    json_t *all = json_object();
    int failed = all == NULL ? -1 : 0;
    for (unsigned risk = 0; failed == 0 && risk < NDPI_MAX_RISK; risk++) {
        char number[12];
        if ((risks >> risk & 1u) == 0)
            continue;
        snprintf(number, sizeof number, "%u", risk);
        failed = json_object_set_new(all, number, one_risk_json(risk));
    }
    failed |= json_object_set(object, "flow_risk", all);
    json_decref(all);
    return failed;
}

static int put_confidence(json_t *object, unsigned confidence) {
    char number[12];
    if (confidence == NDPI_CONFIDENCE_UNKNOWN)
        return 0;
    snprintf(number, sizeof number, "%u", confidence);
    return json_object_set_new(
        object, "confidence",
        json_pack("{s:s}", number, ndpi_confidence_get_name((ndpi_confidence_t)confidence)));
}

static int put_protocol(json_t *object, struct ndpi_detection_module_struct *module,
                        const struct ndpi_result *result) {
    ndpi_protocol protocol = result->protocol;
    uint16_t id = protocol.app_protocol != NDPI_PROTOCOL_UNKNOWN ? protocol.app_protocol
                                                                 : protocol.master_protocol;
    char name[NAME_BYTES];
    ndpi_protocol2name(module, protocol, name, sizeof name);
    int failed = json_object_set_new(object, "proto", text_json(name));
    ndpi_protocol2id(module, protocol, name, sizeof name);
    failed |= json_object_set_new(object, "proto_id", text_json(name));
    failed |= json_object_set_new(object, "encrypted",
                                  json_integer(ndpi_is_encrypted_proto(module, protocol)));
    const char *breed = ndpi_get_proto_breed_name(module, ndpi_get_proto_breed(module, id));
    failed |= json_object_set_new(object, "breed", text_json(breed));
    if (protocol.category == NDPI_PROTOCOL_CATEGORY_UNSPECIFIED)
        return failed;
    failed |= json_object_set_new(object, "category_id", json_integer(protocol.category));
    return failed |
           json_object_set_new(object, "category",
                               text_json(ndpi_category_get_name(module, protocol.category)));
}

/* {"tls": {...}} or {"quic": {...}} */
static int put_tls(json_t *object, const struct ndpi_result *result, const char *ja3,
                   const char *ja3s) {
    bool is_quic = has_protocol(&result->protocol, NDPI_PROTOCOL_QUIC);
    char version[32];
    uint8_t is_unknown;
    if (result->tls_version == 0 && *ja3 == '\0' && *ja3s == '\0')
        return 0;
    json_t *tls = json_object();
    int failed = tls == NULL ? -1 : 0;
    ndpi_ssl_version2str(version, sizeof version, result->tls_version, &is_unknown);
    if (!is_unknown)
        failed |= put_text(tls, "version", version);
    failed |= put_text(tls, "ja3", ja3);
    failed |= put_text(tls, "ja3s", ja3s);
    if (json_object_size(tls) != 0)
        failed |= json_object_set(object, is_quic ? "quic" : "tls", tls);
    json_decref(tls);
    return failed;
}

json_t *ndpi_result_json(struct ndpi_detection_module_struct *module,
                         const struct ndpi_result *result) {
    static const char none[] = "\0\0";
    const char *host = result->texts != NULL ? result->texts : none;
    const char *ja3 = host + strlen(host) + 1;
    const char *ja3s = ja3 + strlen(ja3) + 1;
    json_t *ndpi = json_object();
    int failed = ndpi == NULL ? -1 : 0;
    failed |= put_risks(ndpi, result->risk);
    failed |= put_confidence(ndpi, result->confidence);
    failed |= put_protocol(ndpi, module, result);
    failed |= put_text(ndpi, "hostname", host);
    failed |= put_tls(ndpi, result, ja3, ja3s);
    json_t *json = failed == 0 ? json_pack("{s:O}", "ndpi", ndpi) : NULL;
    json_decref(ndpi);
    return json;
}
