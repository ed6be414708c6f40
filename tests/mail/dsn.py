"""Delivery status notifications as mail servers write them (RFC 3464), made for the tests."""

from string import Template

POSTFIX = Template("""\
Return-Path: <>
Delivered-To: $to
Received: by mx.example.net (Postfix) id 4F2A; Sun, 1 Mar 2026 12:00:00 +0000 (UTC)
Date: Sun,  1 Mar 2026 12:00:00 +0000 (UTC)
From: MAILER-DAEMON@mx.example.net (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
To: $to
Auto-Submitted: auto-replied
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status;
\tboundary="4F2A.1/mx.example.net"
Message-Id: <20260301120000.4F2A@mx.example.net>

This is a MIME-encapsulated message.

--4F2A.1/mx.example.net
Content-Description: Notification
Content-Type: text/plain; charset=utf-8

This is the mail system at host mx.example.net.

--4F2A.1/mx.example.net
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net
X-Postfix-Queue-ID: 4F2A
Arrival-Date: Sun,  1 Mar 2026 12:00:00 +0000 (UTC)

Final-Recipient: rfc822; camille@example.fr
Original-Recipient: rfc822;camille@example.fr
Action: $action
Status: $status
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--4F2A.1/mx.example.net
Content-Description: Undelivered Message
Content-Type: message/rfc822

Return-Path: <ancrage@example.org>
From: ancrage@example.org
To: camille@example.fr
Message-ID: $message_id
Content-Type: text/plain

Bonjour
--4F2A.1/mx.example.net--
""")

EXCHANGE = Template("""\
From: postmaster@example.net
To: <$to>
Content-Type: multipart/report; report-type=delivery-status;
 boundary="_b_"
MIME-Version: 1.0

--_b_
Content-Type: multipart/alternative; boundary="_inner_"

--_inner_
Content-Type: text/plain

Remise impossible
--_inner_--

--_b_
Content-Type: message/delivery-status

Reporting-MTA: dns;EXCH.example.net
Received-From-MTA: dns;mail.example.org

Original-Recipient: rfc822;camille@example.fr
Final-Recipient: rfc822;camille@example.fr
Action: $action
Status: $status (bad mailbox)
Diagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound
X-Display-Name: Camille

--_b_
Content-Type: text/rfc822-headers

MIME-Version: 1.0
From: <ancrage@example.org>
Message-ID:
 $message_id
Subject: Bonjour

--_b_--
""")

INTERNATIONAL = Template("""\
From: MAILER-DAEMON@example.net
X-Original-To: $to
Content-Type: Multipart/Report; Report-Type=global-delivery-status; boundary=zzz

--zzz
Content-Type: text/plain; charset=utf-8

désolé
--zzz
Content-Type: message/global-delivery-status
Content-Transfer-Encoding: base64

$encoded
--zzz
Content-Type: message/global-headers

Message-Id: $message_id
Subject: Été

--zzz--
""")

AWAY = """\
From: camille@example.fr
To: ancrage@example.org
Subject: Absente du bureau
Auto-Submitted: auto-replied
In-Reply-To: $message_id
Content-Type: text/plain

Je suis absente.
"""
